from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NAME = "accounts_user_username_prefix"


def add_index(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """For the directory's `lower(username) LIKE 'an%'`: other indexes cannot serve it unless the database sorts by
    bytes. SQLite goes through its rows, which are few."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"CREATE INDEX {NAME} ON accounts_user (lower(username) text_pattern_ops)")


def remove_index(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {NAME}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_system_user")]

    operations = [migrations.RunPython(add_index, remove_index)]
