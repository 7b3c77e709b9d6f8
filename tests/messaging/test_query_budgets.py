"""How many statements each action costs: the same for one message and for many, for two members and for fifty."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

import audit
from encryption.keyring import keyring
from messaging import querysets, services
from messaging.drafts import SendDraft, Sent
from messaging.querysets import visible_streams
from messaging.writer import store_sends
from tests.messaging.files import upload
from tests.messaging.talking import open_room, say
from tests.people import Person, make_person, open_clinical
from tests.statements import cost, get, statements, watched

__all__ = ["watched"]

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="statements are counted in PostgreSQL's driver"
)


def store(person: Person, conversations: list[str], count: int, text: str = "") -> Callable[[], object]:
    actor = person.actor

    def send() -> None:
        drafts = [
            SendDraft(
                actor=actor, conversation_id=UUID(conversations[n % len(conversations)]), content=f"number {n} {text}"
            )
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


def test_a_page_with_everything_that_can_stand_about_messages(pat1: Person, doc1: Person, c1: str) -> None:
    """Mentions, reactions and threads are one more each, however many there are; quotes come along."""
    ask = get(pat1, f"conversations/{c1}/messages")
    say(doc1, c1, "plain")
    plain = cost(ask)
    adorn(pat1, doc1, c1, 1)
    few = cost(ask)
    adorn(pat1, doc1, c1, 12)
    assert (plain, few, cost(ask)) == (5, 8, 8)


def test_a_replay_of_everything_costs_a_fixed_number(pat1: Person, doc1: Person, c1: str) -> None:
    ask = get(pat1, f"conversations/{c1}/events?limit=200")
    adorn(pat1, doc1, c1, 1)
    few = cost(ask)
    adorn(pat1, doc1, c1, 12)
    assert few == cost(ask) == 10


def test_a_thread_whose_root_is_often_edited(pat1: Person, doc1: Person, c1: str) -> None:
    """How long it was at each edit is one question, which does not get longer with them."""
    adorn(pat1, doc1, c1, 1)
    root = querysets.page(pat1.id, UUID(c1), None, 0, 1)[0]
    ask = get(pat1, f"conversations/{c1}/events?limit=200")
    asked = []
    for number in range(1, 31):
        services.edit_message(actor=pat1.actor, subject=root, content=f"edit {number}")
        if number in {1, 30}:
            ask()
            with statements() as found:
                ask()
            asked.append([len(statement) for statement in found])
    assert asked[0] == asked[1]


def adorn(one: Person, other: Person, conversation_id: str, count: int) -> None:
    """So many messages that mention somebody, that are quoted, edited, reacted to and begin a thread."""

    def send(person: Person, **more: Any) -> UUID:
        sending = services.send_message(actor=person.actor, conversation_id=UUID(conversation_id), **more)
        message_id: UUID = asyncio.run(sending).message["id"]
        return message_id

    for _ in range(count):
        root = send(one, content=f"@{other.username}")
        send(other, content=f"@{one.username}", reply_to_id=root, thread_root_id=root)
        row = querysets.visible_message(one.id, root)
        services.add_reaction(actor=other.actor, subject=row, emoji="👍")
        services.edit_message(actor=one.actor, subject=row, content=f"edited, @{other.username}")


def test_pins_threads_and_edits(pat1: Person, doc1: Person, c1: str) -> None:
    adorn(pat1, doc1, c1, 2)
    root = querysets.page(pat1.id, UUID(c1), None, 0, 1)[0]
    services.pin_message(actor=doc1.actor, subject=root)
    few = [cost(get(pat1, address)) for address in about(c1, root.id)]
    for message in querysets.page(pat1.id, UUID(c1), None, 0, 20):
        services.pin_message(actor=doc1.actor, subject=message)
    say(pat1, c1, *[str(n) for n in range(20)])
    assert few == [cost(get(pat1, address)) for address in about(c1, root.id)]


def about(conversation_id: str, message_id: UUID) -> list[str]:
    pins = f"conversations/{conversation_id}/pins"
    return [pins, f"messages/{message_id}/thread", f"messages/{message_id}/edits"]


def test_mentions_in_a_group_of_sends_cost_two_statements(pat1: Person, doc1: Person) -> None:
    """One to find who is named, one to store it; the same for one message and for many."""
    crowd = [make_person(f"provider-{n}", "provider") for n in range(20)]
    room = open_room(pat1, doc1, *crowd)
    text = " ".join(f"@{person.username}" for person in crowd)
    quiet = cost(store(pat1, [room], 3))
    assert cost(store(pat1, [room], 1, text)) == cost(store(pat1, [room], 40, text)) == quiet + 2


def test_files_in_a_group_of_sends_cost_two_statements(pat1: Person, doc1: Person) -> None:
    """One to find and lock them, one to claim them; the same for one message and for many, with one file or ten."""
    conversations = [open_clinical(pat1, make_person(f"provider-{n}", "provider")) for n in range(3)]

    def store(count: int, files: int) -> Callable[[], object]:
        # Twice each: the first time warms up.
        batches = iter([[enclosing(n, files) for n in range(count)] for _ in range(2)])

        def send() -> None:
            drafts = next(batches)
            with audit.transaction():
                store_sends(drafts)
            assert all(isinstance(draft.outcome, Sent) for draft in drafts)

        return send

    def enclosing(number: int, files: int) -> SendDraft:
        place = conversations[number % len(conversations)]
        ids = tuple(UUID(upload(pat1, place)) for _ in range(files))
        return SendDraft(actor=pat1.actor, conversation_id=UUID(place), content="", type="file", attachment_ids=ids)

    assert cost(store(1, 1)) == cost(store(20, 1)) == cost(store(5, 10)) == 6 + 2


def test_files_of_a_page_are_one_question(pat1: Person, doc1: Person, c1: str) -> None:
    """And of one without any none: they say so themselves."""
    pages = [get(pat1, f"conversations/{c1}/{rest}") for rest in ("messages", "events?limit=200", "pins")]
    say(pat1, c1, "plain")
    plain = [cost(page) for page in pages]

    def enclose(count: int) -> list[int]:
        for _ in range(count):
            sending = services.send_message(
                actor=pat1.actor, conversation_id=UUID(c1), attachment_ids=[UUID(upload(pat1, c1)) for _ in range(2)]
            )
            row = querysets.visible_message(pat1.id, asyncio.run(sending).message["id"])
            services.pin_message(actor=pat1.actor, subject=row)
        return [cost(page) for page in pages]

    assert plain[:2] == [5, 6]
    few, many = enclose(1), enclose(12)
    assert few == many
    assert [more - less for less, more in zip(plain, few, strict=True)][:2] == [1, 1]


def test_the_list_of_conversations_asks_nothing_of_files(pat1: Person, doc1: Person, c1: str) -> None:
    """The names in previews are part of the messages."""
    say(pat1, c1, "plain")
    plain = cost(get(pat1, "conversations"))
    sending = services.send_message(actor=pat1.actor, conversation_id=UUID(c1), attachment_ids=[UUID(upload(pat1, c1))])
    asyncio.run(sending)
    assert cost(get(pat1, "conversations")) == plain


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
