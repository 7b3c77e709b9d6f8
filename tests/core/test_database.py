"""Which database errors mean "not now", and which do not."""

import sqlite3

import psycopg
import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from core.database import as_unavailable
from core.errors import DatabaseUnavailable, StorageFull

pytestmark = pytest.mark.no_database


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_a_database_that_is_gone_is_unavailable(error: Exception) -> None:
    assert isinstance(as_unavailable(error), DatabaseUnavailable)


def test_a_full_disk_is_said_to_be_one_on_both_databases() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    for cause in (psycopg.errors.DiskFull(), full):
        error = OperationalError("full")
        error.__cause__ = cause
        assert isinstance(as_unavailable(error), StorageFull)


@pytest.mark.parametrize("error", [IntegrityError(), DataError(), ProgrammingError(), ValueError()])
def test_what_a_repeat_would_not_mend_is_no_such_error(error: Exception) -> None:
    assert as_unavailable(error) is None
