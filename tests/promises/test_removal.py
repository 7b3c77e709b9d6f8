"""Nothing above a removal's number reaches who was removed: not while others write, by no door, on no process.

Each round somebody with sockets on every process is removed from a room in which fifty messages a second are written
through all of them, while one more socket of theirs comes back with a cursor; then they are let in again. What each
socket heard is compared with the stays in the database, to the single event.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from messaging.models import Membership
from tests.live import Server
from tests.messaging.rooms import add, remove, room_of, stay_of
from tests.messaging.talking import API, answered, refused
from tests.people import Person, client_for, make_person
from tests.processes import Served, served
from tests.sockets import Client, connect

pytestmark = pytest.mark.core

Door = Server | Served

ROUNDS = [50] if os.environ.get("PARLEY_TEST_LONG") else [2, pytest.param(6, marks=pytest.mark.thorough)]
PAUSE = 0.02
"""Seconds between two messages: fifty a second."""

AFTERWARDS = 20
"""How many more events there must be before it counts that nobody heard them."""


@pytest.fixture(scope="module")
def beside(emptied: None) -> Iterator[Served | None]:
    """A second process, where there can be one."""
    if "REDIS_URL" not in os.environ:
        yield None
        return
    generous = dict.fromkeys(("LIMIT_MESSAGE_NEW", "LIMIT_REQUEST", "LIMIT_CONNECTIONS_NEW"), "100000/60")
    with served(**generous, LIMIT_FRAMES="10000/1") as other:
        yield other


@pytest.fixture
def generous(settings: Any) -> None:
    rate = type(settings.LIMITS["REQUEST"])(100_000, 60)
    settings.LIMITS = dict.fromkeys(settings.LIMITS, rate)


class Ear:
    """A socket that listens in a thread of its own, to one room."""

    def __init__(self, client: Client, room: str) -> None:
        self.client, self.room = client, room
        self.heard: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                frame = self.client.next_frame(0.05)
            except TimeoutError:
                continue
            except ConnectionClosed:
                return
            if frame.get("conversationId") == self.room and "seq" in frame:
                self.heard.append(frame["seq"])

    def hears(self, seq: int) -> None:
        """Wait until this number, or a later one, has arrived."""
        _until(lambda: bool(self.heard) and max(self.heard) >= seq, lambda: f"{seq} after {self.heard[-3:]}")

    def within(self, lowest: int, highest: int | None = None) -> list[int]:
        return [seq for seq in list(self.heard) if lowest <= seq <= (highest or seq)]

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        self.client.close()


class Writers:
    """Somebody who writes fifty messages a second, in turn through each door."""

    def __init__(self, doors: list[Door], person: Person, room: str) -> None:
        self._ears = [Ear(connect(door, person.token), room) for door in doors]
        self._room, self._over = room, threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        number = 0
        while not self._over.wait(PAUSE):
            data = {"conversationId": self._room, "content": f"number {number}"}
            client = self._ears[number % len(self._ears)].client
            client.send({"id": str(number), "event": "message:new", "data": data})
            number += 1

    def hear(self, seq: int) -> None:
        """Wait until the room has come to this number on every process."""
        for ear in self._ears:
            ear.hears(seq)

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        for ear in self._ears:
            ear.close()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_nothing_above_the_removal_reaches_who_was_removed(
    server: Server, beside: Served | None, generous: None, doc1: Person, rounds: int
) -> None:
    dice = random.Random(7)  # noqa: S311  plays, keeps no secret
    doors: list[Door] = [server, *([beside] if beside else [])]
    owner, writer = make_person("owner", "provider"), make_person("writer", "provider")
    room = room_of(owner, writer, doc1)
    with ExitStack() as stack:
        owners = [stack.enter_context(client_for(owner, door)) for door in doors]
        theirs = [stack.enter_context(client_for(doc1, door)) for door in doors]
        ears = [Ear(connect(door, doc1.token), room) for door in doors * 2]
        writers = Writers(doors, writer, room)
        for ear in ears:
            stack.callback(ear.close)
        stack.callback(writers.close)
        for _ in range(rounds):
            _round(dice, doors, owners, doc1, room, ears, writers)
            for client in theirs:
                _sees_nothing(client, room)
            answered(add(dice.choice(owners), room, doc1), 201)
        _heard_their_stays_and_nothing_else(ears, doc1, room, rounds)


def _round(
    dice: random.Random,
    doors: list[Door],
    owners: list[httpx.Client],
    person: Person,
    room: str,
    ears: list[Ear],
    writers: Writers,
) -> None:
    """Remove them at some moment, while one more socket of theirs is coming back."""
    joined = stay_of(person, room).joined_seq
    for ear in ears:
        ear.hears(joined + dice.randrange(1, 12))
    coming: list[Ear] = []
    opener = threading.Thread(target=lambda: coming.append(_come_back(dice.choice(doors), person, room, joined)))
    opener.start()
    time.sleep(dice.random() * 0.05)
    assert remove(dice.choice(owners), room, person).status_code == 204
    opener.join(10)
    left = stay_of(person, room).left_seq
    assert left is not None
    writers.hear(left + AFTERWARDS)
    for ear in ears:
        ear.hears(left)
        assert ear.within(joined) == [*range(joined, left + 1)]
    [late] = coming
    late.close()
    assert not late.within(left + 1)
    assert late.within(joined + 1) == [*range(joined + 1, max([joined, *late.heard]) + 1)]


def _come_back(door: Door, person: Person, room: str, seq: int) -> Ear:
    with connect(door, person.token) as first:
        epoch = first.hello["epoch"]
    return Ear(connect(door, person.token, resume={"epoch": epoch, "cursors": {room: seq}}), room)


def _sees_nothing(client: httpx.Client, room: str) -> None:
    for path in ("", "/messages", "/events", "/members", "/receipts"):
        refused(client.get(f"{API}/conversations/{room}{path}"), 404, "not_found")
    assert answered(client.get(f"{API}/conversations"))["results"] == []


def _heard_their_stays_and_nothing_else(ears: list[Ear], person: Person, room: str, rounds: int) -> None:
    stays = Membership.objects.filter(user=person.user, conversation=UUID(room)).order_by("joined_seq")
    assert stays.count() == rounds + 1
    expected = [seq for stay in stays if stay.left_seq for seq in range(stay.joined_seq, stay.left_seq + 1)]
    last = stays[rounds].joined_seq
    for ear in ears:
        assert [seq for seq in ear.heard if seq < last] == expected


def _until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"it did not become true in time: {what()}"
        time.sleep(0.005)
