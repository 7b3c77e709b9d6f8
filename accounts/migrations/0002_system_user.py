from django.contrib.auth.hashers import make_password
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from core.actor import SYSTEM_ID


def make_system_user(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The server itself, as the sender of system messages. It has no password, and nothing encrypted: migrations of
    accounts may run before there are keys in the vault."""
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    users.create(id=SYSTEM_ID, username="system", role="bot", password=make_password(None))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(make_system_user, migrations.RunPython.noop)]
