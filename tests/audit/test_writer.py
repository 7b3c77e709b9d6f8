"""Entries that stand alone, and the one transaction for whatever waits together."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

import audit
from audit import writer as module
from audit.models import Entry
from audit.writer import EntryDraft, register, writer
from core.actor import Actor
from core.errors import AuditUnavailable, Conflict
from core.ids import uuid7
from core.writer import Draft
from tests.audit.people import actions, somebody

pytestmark = pytest.mark.core

PATIENCE = 10.0


@dataclass(eq=False)
class Note(Draft):
    """A draft of an app: stores an entry, unless its text forbids it."""

    actor: Actor
    text: str = ""


@pytest.fixture
def notes() -> Iterator[list[list[Note]]]:
    """Registers a store for `Note` for one test; gives the groups it was called with."""
    groups: list[list[Note]] = []

    def store(drafts: Sequence[Note]) -> None:
        groups.append(list(drafts))
        for draft in drafts:
            if draft.text == "refuse":
                draft.outcome = Conflict()
                continue
            if draft.text == "poison":
                raise LookupError
            audit.record("user.updated", actor=draft.actor)
            draft.outcome = draft.text

    register(Note, store)
    yield groups
    del module._stores[Note]


@pytest.fixture
def writer_is_busy() -> Iterator[threading.Event]:
    """The writer is inside a transaction until the event is set, so that what is submitted meanwhile waits together."""

    @dataclass(eq=False)
    class Blocker(Draft):
        pass

    begun, go = threading.Event(), threading.Event()

    def store(drafts: Sequence[Blocker]) -> None:
        begun.set()
        assert go.wait(PATIENCE)

    register(Blocker, store)
    blocked = writer.submit(Blocker())
    assert begun.wait(PATIENCE)
    yield go
    go.set()
    blocked.result(PATIENCE)
    del module._stores[Blocker]


def result(future: "Future[Any]") -> Any:
    return future.result(PATIENCE)


def test_waiting_for_an_entry_is_waiting_for_its_commit() -> None:
    actor, conversation = somebody(), uuid7()
    draft = EntryDraft("messages.viewed", actor, conversation_id=conversation, details={"from_seq": 1, "to_seq": 50})
    assert result(writer.submit(draft)) is None
    entry = Entry.objects.get(actor=actor.id)
    assert (entry.action, entry.conv, entry.outcome) == ("messages.viewed", conversation, "allow")


def test_the_same_from_asynchronous_code() -> None:
    actor = somebody()
    asyncio.run(writer.store(EntryDraft("messages.viewed", actor)))
    assert actions(actor) == ["messages.viewed"]


def test_a_verb_that_is_not_in_the_list_is_an_error_before_anything_waits() -> None:
    with pytest.raises(ValueError, match="seen"):
        EntryDraft("message.seen", somebody())


def test_what_waits_together_is_stored_together_each_kind_by_its_own_store(
    notes: list[list[Note]], writer_is_busy: threading.Event
) -> None:
    actor = somebody()
    first, entry, second = (
        writer.submit(Note(actor, "a")),
        writer.submit(EntryDraft("users.viewed", actor)),
        writer.submit(Note(actor, "b")),
    )
    writer_is_busy.set()
    assert [result(first), result(entry), result(second)] == ["a", None, "b"]
    assert [[note.text for note in group] for group in notes] == [["a", "b"]]
    assert len(set(Entry.objects.filter(actor=actor.id).values_list("ts", flat=True))) == 1  # one transaction


def test_a_refused_draft_does_not_disturb_the_others(notes: list[list[Note]], writer_is_busy: threading.Event) -> None:
    actor = somebody()
    good, refused = writer.submit(Note(actor, "a")), writer.submit(Note(actor, "refuse"))
    writer_is_busy.set()
    assert result(good) == "a"
    with pytest.raises(Conflict):
        result(refused)
    assert actions(actor) == ["user.updated"]


def test_a_draft_that_cannot_be_stored_fails_alone(notes: list[list[Note]], writer_is_busy: threading.Event) -> None:
    actor = somebody()
    good, poison, entry = (
        writer.submit(Note(actor, "a")),
        writer.submit(Note(actor, "poison")),
        writer.submit(EntryDraft("users.viewed", actor)),
    )
    writer_is_busy.set()
    assert result(good) == "a"
    assert result(entry) is None
    with pytest.raises(LookupError):
        result(poison)
    assert actions(actor) == ["user.updated", "users.viewed"]


@pytest.mark.usefixtures("log_cannot_be_written")
def test_when_entries_cannot_be_written_the_reader_learns_it_and_gets_nothing() -> None:
    """T108: what was read is only given out after its entry is stored."""
    with pytest.raises(AuditUnavailable):
        result(writer.submit(EntryDraft("messages.viewed", somebody())))


def test_a_draft_that_nobody_stores_is_an_error() -> None:
    @dataclass(eq=False)
    class Unknown(Draft):
        pass

    with pytest.raises(TypeError, match="Unknown"):
        result(writer.submit(Unknown()))


def test_a_kind_of_draft_has_one_store() -> None:
    with pytest.raises(TypeError, match="EntryDraft"):
        register(EntryDraft, lambda drafts: None)
