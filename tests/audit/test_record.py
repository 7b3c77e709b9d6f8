"""Entries and their actions: both are committed, or neither."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

import audit
from audit import entries
from audit.models import Burst, Detail, Entry
from core.actor import SYSTEM, Actor
from core.errors import AuditUnavailable
from core.ids import uuid7
from encryption.formats import Undecryptable
from tests.audit.people import actions, somebody

pytestmark = pytest.mark.core


def change_something(actor: Actor) -> None:
    """An action's own change: any row that is not the log's."""
    Burst.objects.create(actor=actor.id, minute=datetime(2026, 1, 1, tzinfo=UTC), count=1)


def changed(actor: Actor) -> bool:
    return Burst.objects.filter(actor=actor.id).exists()


def fail_in_a_transaction(
    actor: Actor, *, changing: Actor | None = None, after: Callable[[], None] = lambda: None
) -> None:
    """Record, change something, and fail, all in one transaction."""

    @audit.transaction()
    def act() -> None:
        audit.record("user.updated", actor=actor)
        change_something(changing or actor)
        after()
        raise LookupError

    with pytest.raises(LookupError):
        act()


def test_an_entry_says_who_did_what_to_what_and_where() -> None:
    actor, message, conversation = somebody("provider"), uuid7(), uuid7()
    before = datetime.now(UTC)
    with audit.transaction():
        audit.record(
            "message.created",
            actor=actor,
            object_id=message,
            conversation_id=conversation,
            object_hash=sha256(b"a sealed message").digest(),
        )
    entry = Entry.objects.get(actor=actor.id)
    assert (entry.v, entry.action, entry.outcome, entry.reason) == (1, "message.created", "allow", "")
    assert (entry.actor_role, entry.session) == ("provider", actor.session_id)
    assert (entry.object, entry.conv) == (message, conversation)
    assert bytes(entry.object_h or b"") == sha256(b"a sealed message").digest()
    assert before <= entry.ts <= datetime.now(UTC)
    assert (entry.id.version, entry.kid, len(entry.mac)) == (7, settings.MASTER_KEY_ACTIVE, 32)


def test_the_address_stands_there_as_a_hash_that_changes_with_the_month(monkeypatch: pytest.MonkeyPatch) -> None:
    def hashed(actor: Actor) -> bytes:
        with audit.transaction():
            audit.record("users.viewed", actor=actor)
        return bytes(Entry.objects.get(actor=actor.id).ip_h or b"")

    here, there = "192.0.2.7", "192.0.2.8"
    first, same, other = (hashed(Actor(id=uuid7(), role="patient", address=a)) for a in (here, here, there))
    assert len(first) == 32
    assert first == same
    assert first != other
    assert first != sha256(here.encode()).digest()
    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr(entries, "now", lambda: later)
    assert hashed(Actor(id=uuid7(), role="patient", address=here)) != first


def test_what_is_not_known_is_absent() -> None:
    with audit.transaction():
        audit.record("demo.seeded", actor=SYSTEM)
    entry = Entry.objects.get(actor=SYSTEM.id)
    absent = [entry.session, entry.ip_h, entry.object, entry.object_h, entry.conv, entry.detail_h]
    assert absent == [None] * 6


def test_details_are_encrypted_and_bound_to_their_entry() -> None:
    actor, other = somebody(), uuid7()
    with audit.transaction():
        audit.record("user.updated", actor=actor, details={"changed": ["email"], "by": other})
        audit.record("user.updated", actor=actor, details={"changed": ["role"]})
    first, second = Entry.objects.filter(actor=actor.id).order_by("id")
    detail = Detail.objects.get(entry=first.id)
    assert detail.payload() == {"changed": ["email"], "by": str(other)}
    assert b"email" not in bytes(detail.ciphertext)
    assert bytes(first.detail_h or b"") == sha256(bytes(detail.salt) + bytes(detail.ciphertext)).digest()
    detail.entry = second.id
    with pytest.raises(Undecryptable):
        detail.payload()


def test_nothing_is_recorded_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError):
        audit.record("users.viewed", actor=somebody())
    with transaction.atomic(), pytest.raises(RuntimeError):
        audit.record("users.viewed", actor=somebody())


def test_a_verb_that_is_not_in_the_list_is_an_error_at_once() -> None:
    with audit.transaction(), pytest.raises(ValueError, match="creatd"):
        audit.record("message.creatd", actor=somebody())


def test_a_hash_of_the_wrong_size_and_a_long_reason_are_errors_at_once() -> None:
    with audit.transaction():
        with pytest.raises(ValueError, match="32 bytes"):
            audit.record("message.created", actor=somebody(), object_hash=b"short")
        with pytest.raises(ValueError, match="short code"):
            audit.record("message.created", actor=somebody(), reason="x" * 101)


def test_an_action_that_fails_leaves_no_entry() -> None:
    actor = somebody()
    fail_in_a_transaction(actor)
    assert not changed(actor)
    assert actions(actor) == []


def test_a_failure_inside_takes_only_its_own_entries_with_it() -> None:
    actor, inner = somebody(), somebody()
    with audit.transaction():
        audit.record("user.created", actor=actor)
        fail_in_a_transaction(actor, changing=inner)
        with audit.transaction():
            audit.record("user.enabled", actor=actor)
        change_something(actor)
    assert actions(actor) == ["user.created", "user.enabled"]
    assert changed(actor)
    assert not changed(inner)


def test_a_failure_outside_takes_the_entries_of_what_succeeded_inside_too() -> None:
    actor = somebody()

    def inside() -> None:
        with audit.transaction():
            audit.record("user.enabled", actor=actor)

    fail_in_a_transaction(actor, after=inside)
    assert actions(actor) == []


def test_the_next_transaction_starts_without_the_entries_of_one_that_failed() -> None:
    actor = somebody()
    fail_in_a_transaction(actor)
    with audit.transaction():
        audit.record("user.enabled", actor=actor)
    assert actions(actor) == ["user.enabled"]


def test_a_hook_on_commit_finds_the_entry_committed() -> None:
    actor, seen = somebody(), []
    with audit.transaction():
        audit.record("user.updated", actor=actor)
        transaction.on_commit(lambda: seen.append(actions(actor)))
        assert actions(actor) == []
    assert seen == [["user.updated"]]


def test_another_thread_does_not_see_this_thread_s_transaction() -> None:
    failures: list[BaseException] = []

    def elsewhere() -> None:
        try:
            audit.record("users.viewed", actor=SYSTEM)
        except RuntimeError as error:
            failures.append(error)

    with audit.transaction():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(failures) == 1


def test_many_entries_cost_one_statement_for_each_table_and_keep_their_order() -> None:
    actor = somebody()
    with audit.transaction():  # the organisation's keys are in memory now
        audit.record("users.viewed", actor=SYSTEM, details={"count": 0})
    with CaptureQueriesContext(connection) as queries, audit.transaction():
        for number in range(100):
            audit.record("users.viewed", actor=actor, reason=f"r{number}", details={"count": number})
    inserts = [query["sql"] for query in queries if query["sql"].startswith("INSERT")]
    assert [sql.split('"')[1] for sql in inserts] == ["audit_entry", "audit_detail"]
    reasons = Entry.objects.filter(actor=actor.id).order_by("id").values_list("reason", flat=True)
    assert list(reasons) == [f"r{number}" for number in range(100)]


@pytest.mark.usefixtures("log_cannot_be_written")
def test_when_the_entry_cannot_be_written_the_action_fails_and_nothing_is_stored() -> None:
    """T108."""
    actor = somebody()

    @audit.transaction()
    def act() -> None:
        change_something(actor)
        audit.record("user.updated", actor=actor, details={"changed": ["role"]})

    with pytest.raises(AuditUnavailable) as refusal:
        act()
    assert (refusal.value.status, refusal.value.code) == (503, "audit_unavailable")
    assert not changed(actor)
    assert actions(actor) == []
    assert not Detail.objects.exists()


@pytest.mark.usefixtures("log_cannot_be_written")
def test_what_needs_no_entry_still_works_then() -> None:
    actor = somebody()
    with audit.transaction():
        change_something(actor)
    assert changed(actor)
