"""What the server's database role may do, and that a new table is not forgotten."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection, connections, transaction

from audit.grants import grant_to

pytestmark = pytest.mark.skipif(
    "owner" not in settings.DATABASES, reason="there is one role only when no owner's database is set"
)

RIGHTS = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
APPEND_ONLY = {"audit_entry", "audit_seal", "vault_shred"}


def rights(table: str) -> list[str]:
    """The rights of the server's role on a table."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(['has_table_privilege(%s, %s)'] * len(RIGHTS))}",
            [value for right in RIGHTS for value in (table, right)],
        )
        return [right for right, has in zip(RIGHTS, cursor.fetchone(), strict=True) if has]


@pytest.fixture
def new_table() -> Iterator[str]:
    """A table that a later migration makes."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE later (id bigserial PRIMARY KEY)")
        yield "later"
        cursor.execute("DROP TABLE later")


def test_the_server_may_only_append_to_the_log_and_reads_and_writes_everything_else() -> None:
    """T105."""
    others = {"django_migrations", "audit_burst", "audit_detail", "audit_reserve"}
    tables = set(connection.introspection.table_names()) - others
    assert tables > APPEND_ONLY
    for table in tables:
        expected = ["SELECT", "INSERT"] if table in APPEND_ONLY else ["SELECT", "INSERT", "UPDATE", "DELETE"]
        assert rights(table) == expected, table


def test_details_may_be_deleted_and_the_database_sees_to_when() -> None:
    """The trigger does (tests/retention): they stay for six years."""
    assert rights("audit_detail") == ["SELECT", "INSERT", "DELETE"]


def test_of_the_reserve_the_server_takes_and_gives_back_room() -> None:
    assert rights("audit_reserve") == ["SELECT", "INSERT", "TRUNCATE"]


def test_of_the_counter_of_refusals_the_server_changes_the_number_only() -> None:
    assert rights("audit_burst") == ["SELECT", "INSERT", "DELETE"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = 'audit_burst'::regclass AND attnum > 0"
            " AND has_column_privilege('audit_burst', attname, 'UPDATE')"
        )
        assert cursor.fetchall() == [("count",)]


def test_the_server_reads_which_migrations_ran_and_cannot_pretend() -> None:
    assert rights("django_migrations") == ["SELECT"]


def test_the_server_does_not_make_tables() -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE mine (id bigint)")


def test_a_new_table_and_its_numbers_can_be_used_at_once(new_table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{new_table}" DEFAULT VALUES RETURNING id')  # noqa: S608 - a name of this test
        assert cursor.fetchone() == (1,)


def test_migrating_again_takes_back_what_somebody_granted() -> None:
    role = str(settings.DATABASES["default"]["USER"])
    with connections["owner"].cursor() as cursor:
        cursor.execute(f'GRANT UPDATE, TRIGGER ON audit_entry TO "{role}"')
    assert rights("audit_entry") == ["SELECT", "INSERT", "UPDATE", "TRIGGER"]
    call_command("migrate", database="owner", interactive=False, verbosity=0)
    assert rights("audit_entry") == ["SELECT", "INSERT"]


def test_granting_twice_changes_nothing() -> None:
    before = {table: rights(table) for table in connection.introspection.table_names()}
    grant_to(str(settings.DATABASES["default"]["USER"]))
    assert {table: rights(table) for table in connection.introspection.table_names()} == before
