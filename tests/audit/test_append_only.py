"""Nobody changes the log: not the server's database role, not the owner of the tables, not a slip in the code."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction

from audit.models import Detail, Entry, Seal
from audit.seals import seal_pending
from core.ids import uuid7
from core.sql import stored
from tests.audit.people import record_some

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no roles and no TRUNCATE")

TABLES = ["audit_entry", "audit_seal", "audit_detail"]
ROLES = ["default", "owner"]
FORBIDDEN = {
    "update": "UPDATE {table} SET {column} = {column}",
    "update of no row": "UPDATE {table} SET {column} = {column} WHERE false",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table}",
    "upsert": "INSERT INTO {table} TABLE {table} ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column}",
}
KEYS = {"audit_entry": "id", "audit_seal": "n", "audit_detail": "entry"}


@pytest.fixture(autouse=True)
def something_recorded() -> None:
    record_some(3, details=True)
    seal_pending()


def run(alias: str, statement: str) -> None:
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(statement)


def rows() -> list[list[tuple[object, ...]]]:
    return [list(model.objects.order_by("pk").values_list()) for model in (Entry, Seal, Detail)]


@on_postgresql
@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ROLES)
def test_rows_are_neither_changed_nor_taken_away(role: str, table: str, what: str) -> None:
    """T105: the server's role has no right to, the owner meets the trigger."""
    before = rows()
    statement = FORBIDDEN[what].format(table=table, column=KEYS[table])
    # Details may be deleted when they are old enough: there the trigger answers the server's role as well.
    refused = role == "default" and (table, what) != ("audit_detail", "delete")
    words = "permission denied" if refused else "only appended to"
    with pytest.raises(ProgrammingError, match=words):
        run(role, statement)
    assert rows() == before


@on_postgresql
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {table} DISABLE TRIGGER {table}_append_only",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "DROP TRIGGER {table}_append_only ON {table}",
        "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "SET session_replication_role = replica",
        "ALTER TABLE {table} RENAME TO {table}_old",
        "DROP TABLE {table}",
    ],
)
def test_the_server_cannot_switch_the_triggers_off(table: str, statement: str) -> None:
    """T105."""
    with pytest.raises(ProgrammingError) as refusal:
        run("default", statement.format(table=table))
    assert refusal.value.__cause__.sqlstate == "42501"  # type: ignore[union-attr]  # psycopg's insufficient_privilege


@pytest.mark.core
@pytest.mark.parametrize("model", [Entry, Seal, Detail])
def test_the_orm_cannot_change_or_delete_either(model: type[Entry] | type[Seal] | type[Detail]) -> None:
    before = rows()
    row = model.objects.all()[0]
    for attempt in (row.save, row.delete, model.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert rows() == before


COPY_OF_A_ROW = (
    "REPLACE INTO audit_entry (rowid, v, id, ts, actor, actor_role, action, outcome, reason, kid, mac)"
    " SELECT rowid, v, %s, ts, actor, actor_role, action, outcome, reason, kid, mac FROM audit_entry LIMIT 1"
)
REPLACEMENTS: dict[str, Callable[[], tuple[str, list[Any]]]] = {
    "an entry by its id": lambda: (
        "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE id = %s",
        [stored(Entry.objects.all()[0].id)],
    ),
    "an entry by its hidden row number": lambda: (COPY_OF_A_ROW, [stored(uuid7())]),
    "a seal by its number": lambda: ("REPLACE INTO audit_seal VALUES (1, %s, x'00')", [stored(uuid7())]),
    "a seal by its entry": lambda: (
        "REPLACE INTO audit_seal VALUES (99, %s, x'00')",
        [stored(Seal.objects.get(n=1).entry)],
    ),
    "details by their entry": lambda: (
        "REPLACE INTO audit_detail VALUES (%s, x'00', x'00')",
        [stored(Detail.objects.all()[0].entry)],
    ),
    "details by their hidden row number": lambda: (
        "REPLACE INTO audit_detail (rowid, entry, salt, ciphertext) SELECT rowid, %s, salt, x'00' FROM audit_detail",
        [stored(uuid7())],
    ),
    "an entry with an upsert": lambda: (
        "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE true ON CONFLICT (id) DO UPDATE SET outcome = 'deny'",
        [],
    ),
}


@pytest.mark.core
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has REPLACE")
@pytest.mark.parametrize("what", REPLACEMENTS)
def test_sqlite_does_not_replace(what: str) -> None:
    """REPLACE takes the old row away without asking a DELETE trigger."""
    before = rows()
    statement, parameters = REPLACEMENTS[what]()
    with pytest.raises(DatabaseError, match="only appended to"), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    assert rows() == before
