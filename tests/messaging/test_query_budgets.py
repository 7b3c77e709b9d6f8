"""How many statements each action costs: the same for one message and for many, for two members and for fifty."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test import Client

import audit
from encryption.keyring import keyring
from messaging.querysets import visible_streams
from messaging.writer import SendDraft, Sent, store_sends
from tests.messaging.talking import open_room, say
from tests.people import Person, bearer, make_person, open_clinical

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="statements are counted in PostgreSQL's driver"
)

_counted: ContextVar[list[str] | None] = ContextVar("_counted", default=None)


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement of whoever has asked for counting, in whichever thread it ends up."""
    execute = psycopg.Cursor.execute

    def watched_execute(cursor: Any, query: Any, *rest: Any, **more: Any) -> Any:
        found = _counted.get() if threading.current_thread().name != "audit-writer" else _writers
        # The pool asks a connection for nothing at all, to see whether it is alive.
        if found is not None and query:
            found.append(str(query))
        return execute(cursor, query, *rest, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", watched_execute)


_writers: list[str] = []


@contextmanager
def statements() -> Iterator[list[str]]:
    """What this test causes: its own statements, those of threads that work for it, and those of the writer."""
    found: list[str] = []
    _writers.clear()
    token = _counted.set(found)
    try:
        yield found
    finally:
        _counted.reset(token)
        found += _writers


def cost(action: Callable[[], object]) -> int:
    """The statements of `action`, when keys are in memory already."""
    action()
    with statements() as found:
        action()
    return len(found)


def get(person: Person, address: str) -> Callable[[], object]:
    client = Client(headers=dict(bearer(person).items()))

    def ask() -> object:
        response = client.get(f"/api/v1/{address}")
        assert response.status_code == 200, response.content
        return response.json()

    return ask


def store(person: Person, conversations: list[str], count: int) -> Callable[[], object]:
    actor = person.actor

    def send() -> None:
        drafts = [
            SendDraft(actor=actor, conversation_id=UUID(conversations[n % len(conversations)]), content=f"number {n}")
            for n in range(count)
        ]
        with audit.transaction():
            store_sends(drafts)
        assert all(isinstance(draft.outcome, Sent) for draft in drafts)

    return send


def test_a_group_of_sends_costs_what_one_send_costs(pat1: Person, doc1: Person) -> None:
    conversations = [open_clinical(pat1, make_person(f"provider-{n}", "provider")) for n in range(5)]
    assert cost(store(pat1, conversations[:1], 1)) == 6
    assert cost(store(pat1, conversations, 60)) == 6


def test_a_send_to_fifty_costs_what_a_send_to_two_costs(pat1: Person, doc1: Person) -> None:
    crowd = [make_person(f"provider-{n}", "provider") for n in range(49)]
    small, large = open_room(pat1, doc1), open_room(pat1, *crowd)
    assert cost(store(pat1, [small], 3)) == cost(store(pat1, [large], 3))


def test_repeats_and_replies_cost_a_fixed_number_more(pat1: Person, doc1: Person, c1: str) -> None:
    actor = pat1.actor
    [quoted] = say(pat1, c1, "quoted")

    def send(count: int) -> Callable[[], object]:
        def again() -> None:
            with audit.transaction():
                store_sends(
                    [
                        SendDraft(
                            actor=actor,
                            conversation_id=UUID(c1),
                            content="x",
                            client_message_id=f"k{n}",
                            reply_to_id=quoted["id"],
                        )
                        for n in range(count)
                    ]
                )

        return again

    assert cost(send(1)) == cost(send(30)) == 5


def test_a_page_of_history(pat1: Person, doc1: Person, c1: str) -> None:
    """One for the session, two for the page, two for the record."""
    say(doc1, c1, *[str(n) for n in range(3)])
    few = cost(get(pat1, f"conversations/{c1}/messages"))
    say(pat1, c1, *[str(n) for n in range(60)])
    assert few == cost(get(pat1, f"conversations/{c1}/messages")) == 5


def test_a_gap_that_is_filled(pat1: Person, doc1: Person, c1: str) -> None:
    say(doc1, c1, *[str(n) for n in range(60)])
    assert cost(get(pat1, f"conversations/{c1}/events?limit=60")) == 6


def test_one_message(pat1: Person, doc1: Person, c1: str) -> None:
    [message] = say(doc1, c1, "x")
    assert cost(get(pat1, f"messages/{message['id']}")) == 5


def test_the_list_of_conversations(pat1: Person) -> None:
    """The session, the conversations with all their numbers, their newest messages, the record; never one for each."""

    def open_one(number: int) -> None:
        other = make_person(f"provider-{number}", "provider")
        say(other, open_clinical(pat1, other), "hello")

    open_one(0)
    few = cost(get(pat1, "conversations"))
    for number in range(1, 25):
        open_one(number)
    assert few == cost(get(pat1, "conversations")) == 5


def test_keys_that_are_not_in_memory_cost_one_statement_for_the_whole_list(pat1: Person) -> None:
    for number in range(5):
        other = make_person(f"provider-{number}", "provider")
        say(other, open_clinical(pat1, other), "hello")
    ask = get(pat1, "conversations")
    ask()
    for conversation_id in visible_streams(pat1.id):
        keyring().forget(conversation_id)
    with statements() as found:
        ask()
    assert len(found) == 6


def test_how_much_is_unread(pat1: Person, doc1: Person, c1: str) -> None:
    say(doc1, c1, "1", "2")
    assert cost(get(pat1, "conversations/unread-count")) == 2


def test_receipts_and_members(pat1: Person, doc1: Person, c1: str) -> None:
    assert cost(get(pat1, f"conversations/{c1}/receipts")) == 3
    assert cost(get(pat1, f"conversations/{c1}/members")) == 4
