"""What the server's database role may do, when another role owns the tables.

In production the tables belong to a role that only migrations use (the database alias `owner`). The server's own role
reads and writes every table, but in the log it can only append, and it cannot switch off the triggers that say so
either: whoever takes over the server cannot rewrite what is recorded. Granted after every `migrate --database owner`,
because a migration may have made tables; a repeat changes nothing.
"""

from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from psycopg import sql

OWNER = "owner"

_EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
_PRIVILEGES = {
    "audit_entry": "SELECT, INSERT",
    "audit_seal": "SELECT, INSERT",
    "audit_detail": "SELECT, INSERT, DELETE",  # and a trigger that refuses it for six years
    "audit_burst": "SELECT, INSERT, UPDATE (count), DELETE",  # and triggers that see to which way
    "audit_reserve": "SELECT, INSERT, TRUNCATE",  # room that is given back when the disk is full
    "django_migrations": "SELECT",
    "vault_shred": "SELECT, INSERT, UPDATE (kek_id, mac)",  # what it says is signed anew under another master key
}


def after_migrations(*, using: str, **_: Any) -> None:
    """Grant the server's role its rights, when `using` is the connection of the owner."""
    if using == OWNER and connections[using].vendor == "postgresql":
        grant_to(str(settings.DATABASES["default"]["USER"]))


def grant_to(role: str) -> None:
    """Give `role` exactly these rights on all tables of the schema, and the usual ones on tables to come."""
    name = sql.Identifier(role)
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        schema = sql.Identifier(_schema(cursor))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, name))
        for table in connections[OWNER].introspection.table_names(cursor):
            rights = sql.SQL(_PRIVILEGES.get(table, _EVERYTHING))
            target = sql.Identifier(table)
            cursor.execute(sql.SQL("REVOKE ALL ON TABLE {} FROM {}").format(target, name))
            cursor.execute(sql.SQL("GRANT {} ON TABLE {} TO {}").format(rights, target, name))
        for statement in (
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{}} GRANT {_EVERYTHING} ON TABLES TO {{}}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {} GRANT USAGE, SELECT ON SEQUENCES TO {}",
        ):
            cursor.execute(sql.SQL(statement).format(schema, name))


def excessive() -> list[str]:
    """What the role of this process may do on the log's tables beyond `_PRIVILEGES`, as `UPDATE on audit_entry`. Asked
    of PostgreSQL; a table that does not exist gives nobody a right."""
    asked = [
        (right, table)
        for table, rights in _PRIVILEGES.items()
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
        if right not in rights.split(", ")
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r, t FROM unnest(%s::text[], %s::text[]) AS asked (r, t)"
            " WHERE to_regclass(t) IS NOT NULL AND has_table_privilege(to_regclass(t), r)",
            [[right for right, _ in asked], [table for _, table in asked]],
        )
        return [f"{right} on {table}" for right, table in cursor.fetchall()]


def _schema(cursor: Any) -> str:
    cursor.execute("SELECT current_schema()")
    return str(cursor.fetchone()[0])
