"""Compliance may erase people."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from messaging.rights import make_groups


def give_rights(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    make_groups(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0007_removal"), ("accounts", "0009_erasing")]

    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
