"""Group commit: who waits together is stored together, and one bad draft harms nobody."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from django.db import OperationalError

from core.errors import DatabaseUnavailable, Draining, Forbidden
from core.writer import Draft, GroupWriter

pytestmark = pytest.mark.core


@dataclass(eq=False)
class Note(Draft):
    text: str = ""


@dataclass
class Shelf:
    """Stores notes; the first group waits until `open` is set, so that others gather behind it."""

    open: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    groups: list[list[str]] = field(default_factory=list)

    def store(self, drafts: Sequence[Note]) -> None:
        self.reached.set()
        self.open.wait(10)
        if any(draft.text == "poison" for draft in drafts):
            raise OperationalError("the database would not have it")
        self.groups.append([draft.text for draft in drafts])
        for draft in drafts:
            draft.outcome = Forbidden() if draft.text == "refused" else draft.text.upper()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def writer(shelf: Shelf) -> Iterator[GroupWriter]:
    writer = GroupWriter(shelf.store, most=50)
    yield writer
    shelf.open.set()
    writer.stop()


def test_what_waits_while_the_last_group_is_stored_goes_together(writer: GroupWriter, shelf: Shelf) -> None:
    first = writer.submit(Note("a"))
    while writer.waiting:
        pass
    rest = [writer.submit(Note(text)) for text in "bcd"]
    shelf.open.set()
    assert [future.result(10) for future in (first, *rest)] == ["A", "B", "C", "D"]
    assert shelf.groups == [["a"], ["b", "c", "d"]]


def test_a_refused_draft_gets_its_refusal_and_the_others_are_stored(writer: GroupWriter, shelf: Shelf) -> None:
    shelf.open.set()
    good, bad = writer.submit(Note("a")), writer.submit(Note("refused"))
    assert good.result(10) == "A"
    with pytest.raises(Forbidden):
        bad.result(10)


def test_a_draft_that_cannot_be_stored_fails_alone(writer: GroupWriter, shelf: Shelf) -> None:
    futures = [writer.submit(Note(text)) for text in ("a", "poison", "b")]
    shelf.open.set()
    assert (futures[0].result(10), futures[2].result(10)) == ("A", "B")
    with pytest.raises(DatabaseUnavailable):
        futures[1].result(10)


def test_without_a_connection_the_whole_group_is_told_at_once(
    writer: GroupWriter, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try can take as long as the pool waits: a hundred tries one after the other would hang a hundred people."""
    tries = []

    def nobody_answers(*_: object) -> None:
        tries.append(1)
        raise OperationalError("connection refused")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection", nobody_answers)
    futures = [writer.submit(Note(text)) for text in ("poison", "poison", "poison", "poison")]
    shelf.open.set()
    for future in futures:
        with pytest.raises(DatabaseUnavailable):
            future.result(10)
    assert len(tries) <= 2  # the first draft may have been a group of its own


def test_groups_are_bounded(writer: GroupWriter, shelf: Shelf) -> None:
    futures = [writer.submit(Note(str(n))) for n in range(120)]
    shelf.open.set()
    assert [future.result(10) for future in futures] == [str(n) for n in range(120)]
    assert max(map(len, shelf.groups)) <= 50


async def test_who_waits_longer_than_the_patience_is_told_and_the_draft_is_dropped(shelf: Shelf) -> None:
    writer = GroupWriter(shelf.store, patience=0.5)
    first = asyncio.ensure_future(writer.store(Note("a")))
    await asyncio.to_thread(shelf.reached.wait, 10)
    with pytest.raises(DatabaseUnavailable):
        await writer.store(Note("b"))
    assert writer.waiting == 0
    shelf.open.set()
    assert await first == "A", "who is in a group is not dropped"
    assert await writer.store(Note("c")) == "C"
    assert shelf.groups == [["a"], ["c"]]
    writer.stop()


def test_stopping_stores_what_waits_and_takes_no_more(writer: GroupWriter, shelf: Shelf) -> None:
    shelf.open.set()
    future = writer.submit(Note("a"))
    writer.stop()
    assert future.result(0) == "A"
    with pytest.raises(Draining):
        writer.submit(Note("b"))
