"""Details of audit entries go after six years and no day sooner; the entries and their chain stay."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

import audit
from audit.models import Detail, Entry
from audit.seals import seal_pending
from audit.verify import verify
from core.actor import SYSTEM, Actor
from core.time import now
from retention.services import create_policy
from tests.audit.people import record_some, somebody
from tests.people import Person
from tests.retention.running import YEARS, apply, dry_run, hold

pytestmark = pytest.mark.core

RULE = "audit.details"

Record = Callable[..., Entry]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Record:
    """`recorded(days=2200)`: an entry with details, so long ago."""

    def record(
        *, days: float, actor: Actor | None = None, about: UUID | None = None, conversation: str | None = None
    ) -> Entry:
        with monkeypatch.context() as patch:
            patch.setattr("audit.entries.now", lambda: now() - timedelta(days=days))
            with audit.transaction():
                audit.record(
                    "user.updated",
                    actor=actor or somebody(),
                    object_id=about,
                    conversation_id=None if conversation is None else UUID(conversation),
                    details={"days": days},
                )
        seal_pending()
        return Entry.objects.order_by("-id")[0]

    return record


def has_details(entry: Entry) -> bool:
    return Detail.objects.filter(entry=entry.id).exists()


def test_they_go_after_six_years_and_the_log_still_holds(recorded: Record) -> None:
    """T154."""
    old, older, young = recorded(days=2193), recorded(days=3000), recorded(days=2191)
    assert dry_run("--rule", RULE) == {RULE: (2, 0)}
    assert apply("--rule", RULE) == {RULE: (2, 0)}
    assert [has_details(entry) for entry in (old, older, young)] == [False, False, True]
    assert Entry.objects.filter(id__in=[old.id, older.id]).count() == 2
    report = verify()
    assert (report.problems, report.details_erased) == ([], 2)
    assert apply("--rule", RULE) == {RULE: (0, 0)}


def test_a_policy_keeps_them_longer(recorded: Record) -> None:
    old, older = recorded(days=2193), recorded(days=4000)
    create_policy(actor=SYSTEM, rule=RULE, days=3650)
    assert dry_run("--rule", RULE) == apply("--rule", RULE) == {RULE: (1, 0)}
    assert [has_details(entry) for entry in (old, older)] == [True, False]


def test_those_about_what_is_held_stay(recorded: Record, c1: str, c2: str, doc1: Person) -> None:
    """What somebody did who is held and what was done to them, and what was done in a conversation that is held; an
    entry without one is of none."""
    theirs = recorded(days=3000, actor=doc1.actor)
    about = recorded(days=3000, about=doc1.id)
    there, elsewhere, nowhere = (recorded(days=3000, conversation=where) for where in (c1, c2, None))
    hold("user", doc1.id)
    hold("conversation", c1)
    assert dry_run("--rule", RULE) == apply("--rule", RULE) == {RULE: (2, 0)}
    assert all(has_details(entry) for entry in (theirs, about, there))
    assert not any(has_details(entry) for entry in (elsewhere, nowhere))


def test_a_server_whose_clock_is_wrong_erases_nothing(later: Callable[..., datetime]) -> None:
    """The database's clock has to agree."""
    record_some(3, details=True)
    later(days=7 * YEARS)
    assert dry_run("--rule", RULE) == apply("--rule", RULE) == {RULE: (0, 0)}
    assert Detail.objects.filter(entry__in=Entry.objects.filter(action="user.updated").values("id")).count() == 3


def test_nobody_takes_them_away_sooner(recorded: Record) -> None:
    """T105: the server's role may delete what is old enough, and nothing else; nor details that no entry names."""
    old, young = recorded(days=2193), recorded(days=2190)
    Detail.objects.filter(entry=old.id).delete()
    for statement in ("DELETE FROM audit_detail", "UPDATE audit_detail SET salt = salt"):
        with (
            pytest.raises(DatabaseError, match=r"only appended to|permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert [has_details(entry) for entry in (old, young)] == [False, True]


def test_many_go_in_batches(recorded: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.retention._AT_ONCE", 2)
    made = [recorded(days=2200) for _ in range(5)]
    assert apply("--rule", RULE) == {RULE: (5, 0)}
    assert not any(has_details(entry) for entry in made)
