"""What the tests of removal do and ask, in sentences."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

import audit
from attachments.sweeping import remove_gone
from audit.verify import verify
from core import sql
from core.ids import uuid7
from core.time import now
from encryption import periods
from encryption.keyring import keyring
from messaging import recounting
from messaging.models import Message
from realtime import streams
from tests.messaging.talking import API, Json, answered
from tests.people import Person
from tests.retention.running import apply, dry_run

CLOCKS = (
    "retention.schedules.now",
    "retention.engine.now",
    "retention.services.now",
    "messaging.removal.leftovers.now",
    "encryption.periods.now",
)

Later = Callable[..., datetime]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """`later(days=31)`: it is so much later, for retention and for the periods of keys; what the time is there."""

    def pass_by(**time: float) -> datetime:
        moment = now() + timedelta(**time)
        for clock in CLOCKS:
            monkeypatch.setattr(clock, lambda: moment)
        return moment

    return pass_by


@pytest.fixture
def in_month(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`in_month("2020-01")`: keys are made as in that month, in this process and its live server."""

    def set_to(month: str) -> None:
        moment = datetime.fromisoformat(f"{month}-15").replace(tzinfo=UTC)
        monkeypatch.setattr(periods, "now", lambda: moment)

    return set_to


RULES = ("messaging.events", "messaging.deleted_conversations", "messaging.reports", "messaging.messages")
"""In the order in which a run follows them. Sessions have a rule as well: people stay signed in without it."""


def removed(rule: str = "messaging.messages") -> tuple[int, int]:
    """Rows and files that these rules took away, by this one of them: as many as the dry run had said of each."""
    expected = {name: dry_run("--rule", name)[name] for name in RULES}
    found = {name: apply("--rule", name)[name] for name in RULES}
    assert found == expected
    return found[rule]


def swept() -> None:
    """The job that removes objects has come round."""
    remove_gone()


def nothing_is_wrong() -> None:
    """The audit log tells of everything that is stored and not stored, and every counter is right."""
    assert verify().problems == []
    assert recounting.verify().problems == []


def events_of(client: httpx.Client, conversation_id: str) -> list[Json]:
    found = answered(client.get(f"{API}/conversations/{conversation_id}/events", params={"limit": 200}))["results"]
    assert isinstance(found, list)
    return found


def fill(person: Person, conversation_id: str, count: int, moment: datetime) -> None:
    """So many messages of that moment, as rows with their events: past the writer, and so without audit entries."""
    place = UUID(conversation_id)
    with audit.transaction():
        stream = streams.lock([place])[place]
        rows = [_row(person, place, uuid7(), moment) for _ in range(count)]
        events = [streams.NewEvent(stream, "message:new", person.id, message_id=row["id"], data={}) for row in rows]
        for row, told in zip(rows, streams.append(events), strict=True):
            row["seq"] = told.seq
        sql.insert("messaging_message", rows)


def _row(person: Person, place: UUID, id_: UUID, moment: datetime) -> dict[str, Any]:
    body = keyring().seal(
        place, object_id=id_, sender_id=person.id, revision=0, kind="text", payload={"content": "x", "metadata": {}}
    )
    return {
        "id": id_,
        "conversation_id": place,
        "seq": 0,
        "sender_id": person.id,
        "type": "text",
        "format": "plain",
        "priority": "normal",
        "body": body,
        "revision": 0,
        "created_at": moment,
    }


def count_messages(conversation_id: str) -> int:
    return Message.objects.filter(conversation=UUID(conversation_id)).count()
