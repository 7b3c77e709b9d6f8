"""What people were refused, through the door's own way: `core.doors.record_refusal`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from prometheus_client import generate_latest

import audit
from audit import refusals
from audit.models import Burst, Detail, Entry
from audit.refusals import INDIVIDUAL
from audit.writer import writer
from core import doors, measuring
from core.actor import Actor
from core.errors import AuditUnavailable, Forbidden, NotFound
from core.ids import uuid7
from core.retention import keep_up
from retention import schedules
from tests.audit.people import somebody
from tests.figures import Figures

pytestmark = pytest.mark.core

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Moves the time in which refusals are counted."""

    def set_it(moment: datetime) -> None:
        for module in (refusals, schedules):
            monkeypatch.setattr(module, "now", lambda: moment)

    set_it(NOON)
    return set_it


def write_bursts() -> None:
    keep_up("audit.bursts")


def refuse(actor: Actor, times: int = 1) -> None:
    for _ in range(times):
        doors.record_refusal(actor, "GET conversations/{id}", NotFound(subject_id=uuid7()))


def denials(actor: Actor) -> list[Entry]:
    return list(Entry.objects.filter(actor=actor.id, action="access.denied").order_by("id"))


def bursts_counted() -> float:
    return Figures(generate_latest(measuring.registry).decode()).value("refusal_bursts_total")


def test_a_refusal_is_an_entry_with_what_was_asked_for() -> None:
    actor, message, conversation = somebody(), uuid7(), uuid7()
    doors.record_refusal(actor, "message:edit", Forbidden(subject_id=message, conversation_id=conversation))
    [entry] = denials(actor)
    assert (entry.outcome, entry.reason) == ("deny", "forbidden")
    assert (entry.object, entry.conv, entry.session) == (message, conversation, actor.session_id)
    assert Detail.objects.get(entry=entry.id).payload() == {"attempted": "message:edit"}


def test_fifty_refusals_in_a_minute_are_fifty_entries(set_clock: Callable[[datetime], None]) -> None:
    """T110, and the figure that ParleyProbing in deploy/alerts.yml watches."""
    actor, before = somebody(), bursts_counted()
    refuse(actor, INDIVIDUAL - 1)
    assert bursts_counted() == before
    refuse(actor)
    assert bursts_counted() == before + 1
    assert len(denials(actor)) == INDIVIDUAL
    set_clock(NOON + timedelta(minutes=2))
    write_bursts()
    assert len(denials(actor)) == INDIVIDUAL
    assert not Burst.objects.exists()


def test_what_comes_beyond_is_counted_and_becomes_one_entry_when_the_minute_is_over(
    set_clock: Callable[[datetime], None],
) -> None:
    """T110: whoever tries many ids does not fill the log, and nothing goes uncounted."""
    actor = somebody("student")
    refuse(actor, INDIVIDUAL + 7)
    assert len(denials(actor)) == INDIVIDUAL
    write_bursts()  # the minute is not over
    assert len(denials(actor)) == INDIVIDUAL
    burst = Burst.objects.get()
    set_clock(NOON + timedelta(minutes=2))
    write_bursts()
    write_bursts()  # a repeat finds nothing
    last = denials(actor)[-1]
    assert len(denials(actor)) == INDIVIDUAL + 1
    assert (last.reason, last.outcome, last.actor_role) == ("many_refusals", "deny", "student")
    assert last.object == burst.id
    assert Detail.objects.get(entry=last.id).payload() == {"count": 7, "minute": "2026-03-04T12:00:00+00:00"}


ROLES = ["default", "owner"] if connection.vendor == "postgresql" else ["default"]
BELITTLED = {
    "counted down": "UPDATE audit_burst SET count = count - 1",
    "nobody's": "UPDATE audit_burst SET actor = id",
    "another minute's": "UPDATE audit_burst SET minute = '2020-01-01 00:00:00+00:00'",
    "with another id": "UPDATE audit_burst SET id = actor",
    "taken away": "DELETE FROM audit_burst",
}


@pytest.mark.parametrize("statement", BELITTLED.values(), ids=BELITTLED)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_counted_cannot_be_made_less(role: str, statement: str, set_clock: Callable[[datetime], None]) -> None:
    """T105, for what is not in the log yet: neither the server's role nor the owner's can belittle it."""
    actor = somebody()
    refuse(actor, INDIVIDUAL + 1)
    set_clock(NOON + timedelta(hours=1))  # also when the minute is long over
    with (
        pytest.raises(DatabaseError, match=r"permission denied|until the log tells of them"),
        transaction.atomic(using=role),
        connections[role].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Burst.objects.get(actor=actor.id).count == INDIVIDUAL + 1


def test_an_entry_about_another_counter_lets_none_go(set_clock: Callable[[datetime], None]) -> None:
    actor = somebody()
    refuse(actor, INDIVIDUAL + 1)
    set_clock(NOON + timedelta(minutes=2))
    write_bursts()
    refuse(actor, INDIVIDUAL + 1)
    with pytest.raises(DatabaseError, match="until the log tells"), transaction.atomic():
        Burst.objects.all().delete()
    assert Burst.objects.get().count == INDIVIDUAL + 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("role", ROLES)
def test_all_that_is_counted_cannot_be_emptied(role: str) -> None:
    refuse(somebody())
    with (
        pytest.raises(DatabaseError, match=r"permission denied|only appended to"),
        transaction.atomic(using=role),
        connections[role].cursor() as cursor,
    ):
        cursor.execute("TRUNCATE audit_burst")
    assert Burst.objects.exists()


def test_the_next_minute_counts_from_the_beginning(set_clock: Callable[[datetime], None]) -> None:
    actor = somebody()
    refuse(actor, INDIVIDUAL + 1)
    set_clock(NOON + timedelta(minutes=1))
    refuse(actor)
    assert len(denials(actor)) == INDIVIDUAL + 1


def test_one_person_s_refusals_do_not_count_for_another(set_clock: Callable[[datetime], None]) -> None:
    loud, quiet = somebody(), somebody()
    refuse(loud, INDIVIDUAL + 1)
    refuse(quiet)
    assert len(denials(quiet)) == 1


def test_a_group_that_crosses_the_limit_is_split_exactly_there(set_clock: Callable[[datetime], None]) -> None:
    """The refusals of many requests at once come in groups, and other processes count in the same row."""
    actor = somebody()
    Burst.objects.create(actor=actor.id, minute=NOON.replace(second=0), actor_role="patient", count=INDIVIDUAL - 2)
    futures = [
        writer.submit(refusals.RefusalDraft("access.denied", actor, outcome="deny", reason="not_found"))
        for _ in range(5)
    ]
    for future in futures:
        future.result(10)
    assert len(denials(actor)) == 2
    assert Burst.objects.get(actor=actor.id).count == INDIVIDUAL + 3


def test_the_work_is_the_same_whether_the_id_exists_or_not() -> None:
    """A refusal must not tell by its duration what is there: the same statements, whatever was asked for."""
    actor, existing = somebody(), uuid7()
    doors.record_refusal(actor, "GET messages/{id}", NotFound(subject_id=existing))  # now an entry names it
    statements = [statements_of_refusing(actor, existing), statements_of_refusing(actor, uuid7())]
    assert statements[0] == statements[1]
    assert [statement.split("(")[0] for statement in statements[0]] == [
        "INSERT INTO audit_burst ",
        'INSERT INTO "audit_entry" ',
        'INSERT INTO "audit_detail" ',
    ]


def statements_of_refusing(actor: Actor, subject_id: UUID) -> list[str]:
    """The statements that storing one refusal takes, without their values."""
    draft = refusals.RefusalDraft(
        "access.denied", actor, object_id=subject_id, outcome="deny", details={"attempted": "GET messages/{id}"}
    )
    with CaptureQueriesContext(connection) as seen, audit.transaction():
        refusals._store([draft])
    return [query["sql"].split("VALUES")[0] for query in seen if not query["sql"].startswith(("BEGIN", "COMMIT"))]


@pytest.mark.usefixtures("log_cannot_be_written")
def test_a_refusal_that_cannot_be_recorded_is_answered_with_503() -> None:
    """T108."""
    with pytest.raises(AuditUnavailable):
        refuse(somebody())
    assert not Burst.objects.exists()
