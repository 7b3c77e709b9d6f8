"""Rules of the tests' own."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from core import retention
from core.retention import RetentionRule, Scope

ALL_SCOPES = ("conversation_kind", "course_id", "message_type", "state")


def declared(name: str, **more: object) -> RetentionRule:
    """A rule that removes nothing."""
    given: dict[str, object] = {
        "title": "Things",
        "covers": (),
        "due": lambda schedule: retention.Purged(0),
        "purge": lambda schedule: iter(()),
    }
    return RetentionRule(name, **{**given, **more})  # type: ignore[arg-type]  # as the test gives them


@pytest.fixture
def things() -> Iterator[RetentionRule]:
    """Things are kept for a year, voice for half of one, and 30 days at least; every scope can be named."""

    def default(scope: Scope) -> timedelta:
        return timedelta(days=180 if scope.message_type == "voice" else 365)

    yield declared("test.things", keep_for=default, floor=timedelta(days=30), scopes=ALL_SCOPES)
    del retention.rules["test.things"]
