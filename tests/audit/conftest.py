"""What several tests of the log need."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connection


@pytest.fixture
def log_cannot_be_written(tamper: Callable[..., int]) -> Iterator[None]:
    """Somebody has taken the server's right to append; on SQLite, which has no rights, a trigger stands for it."""
    if connection.vendor == "postgresql":
        role = settings.DATABASES["default"]["USER"]
        take = f'REVOKE INSERT ON audit_entry FROM "{role}"'
        give_back = f'GRANT INSERT ON audit_entry TO "{role}"'
    else:
        take = "CREATE TRIGGER closed BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'closed'); END"
        give_back = "DROP TRIGGER closed"
    tamper(take)
    yield
    tamper(give_back)
