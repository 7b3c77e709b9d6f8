"""What every other test relies on: the roles are those of production, and nothing of one test reaches the next."""

import threading
import uuid
from collections.abc import Callable
from contextlib import closing

import pytest
from django.db import Error, connection, transaction

from encryption.models import DataKey, DataKeyState, Installation
from tests.reset import Reset

pytestmark = pytest.mark.core

on_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no roles")


def make_row() -> DataKey:
    return DataKey.objects.create(
        conversation=uuid.uuid4(), epoch=1, period="2026-11", kek_id="k1", blob=None, state=DataKeyState.SHREDDED
    )


@on_postgres
def test_the_server_s_role_has_no_power_over_the_cluster() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)


@on_postgres
def test_the_server_s_role_owns_nothing_and_makes_no_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
        assert cursor.fetchone() == (0,)
        with pytest.raises(Error, match="permission denied"):
            cursor.execute("CREATE TABLE mine (id integer)")


def test_a_reset_leaves_exactly_the_rows_of_the_migrations(reset: Reset) -> None:
    before = list(Installation.objects.values())
    make_row()
    reset()
    assert not DataKey.objects.exists()
    assert list(Installation.objects.values()) == before != []


def test_a_reset_brings_back_a_row_of_the_migrations_that_a_test_changed(
    reset: Reset, tamper: Callable[..., int]
) -> None:
    before = list(Installation.objects.values())
    assert tamper("UPDATE parley_installation SET epoch = %s", [uuid.uuid4().hex]) == 1
    assert list(Installation.objects.values()) != before
    reset()
    assert list(Installation.objects.values()) == before


def test_a_reset_waits_for_a_transaction_that_is_still_writing(reset: Reset) -> None:
    written, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with closing(connection), transaction.atomic():
            make_row()
            written.set()
            go_on.wait(10)

    writer, resetter = threading.Thread(target=write_slowly), threading.Thread(target=reset)
    writer.start()
    assert written.wait(10)
    resetter.start()
    resetter.join(0.2)
    assert resetter.is_alive()
    go_on.set()
    writer.join(10)
    resetter.join(10)
    assert not DataKey.objects.exists()
