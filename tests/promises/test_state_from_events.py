"""Whoever applies the events has the same state as whoever loads everything anew: the promise clients are built on.

The method is Zulip's `verify_action`, with lost connections in between: a replica changes only by what the server tells
it, goes away and comes back as it likes, to either of two processes, and is compared with a fresh load by REST.
"""

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.live import Server
from tests.people import Person, client_for, make_person
from tests.processes import Served, served
from tests.sockets import Client, Frame, Refusal, connect

pytestmark = pytest.mark.core

API = "/api/v1"
Messages = dict[str, dict[int, Frame]]


@pytest.fixture(scope="module")
def beside(emptied: None) -> Iterator[Served | None]:
    """A second process, where there can be one."""
    if "REDIS_URL" not in os.environ:
        yield None
        return
    with served(LIMIT_MESSAGE_NEW="100000/60", LIMIT_REQUEST="100000/60", LIMIT_CONNECTIONS_NEW="10000/60") as other:
        yield other


@pytest.fixture
def generous(settings: Any) -> None:
    rate = type(settings.LIMITS["REQUEST"])(100_000, 60)
    settings.LIMITS = dict.fromkeys(settings.LIMITS, rate)


def shared(message: Frame) -> Frame:
    """A Message without what differs between the people who ask for it."""
    quote = message.get("replyTo")
    rest = {name: value for name, value in message.items() if name not in {"status", "replyTo"}}
    return rest | ({"replyTo": {k: v for k, v in quote.items() if k != "preview"}} if quote else {})


class Replica:
    """What a client knows: its conversations, their messages, and how far it is in each."""

    def __init__(self) -> None:
        self.epoch = ""
        self.cursors: dict[str, int] = {}
        self.priorities: dict[str, str] = {}
        self.messages: Messages = {}
        self.asked_for: set[str] = set()
        """Conversations that began while the replica was away: not replayed, but asked for by number."""

    def hear(self, frame: Frame) -> None:
        if "seq" in frame:
            self.apply(frame)
        elif frame.get("event") == "conversation:added":
            self.add(frame["data"]["conversationId"])
        elif frame.get("event") == "conversation:removed":
            self.remove(frame["data"]["conversationId"])
        elif frame.get("type") == "resumed":
            for gone in self.cursors.keys() - frame["heads"].keys():
                self.remove(gone)

    def add(self, conversation: str) -> None:
        self.cursors.setdefault(conversation, 0)
        self.priorities.setdefault(conversation, "normal")
        self.messages.setdefault(conversation, {})

    def remove(self, conversation: str) -> None:
        for known in (self.cursors, self.priorities, self.messages):
            known.pop(conversation, None)

    def apply(self, frame: Frame) -> None:
        conversation, seq, data = frame["conversationId"], frame["seq"], frame["data"]
        self.add(conversation)
        if conversation in self.asked_for and seq <= self.cursors[conversation]:
            return  # it came with the answer as well
        assert seq == self.cursors[conversation] + 1, "an event was lost, doubled or came out of order"
        self.cursors[conversation] = seq
        if frame["event"] == "conversation:updated":
            self.priorities[conversation] = data["priority"]
        else:
            self.messages[conversation][data["seq"]] = shared(data)


class Device:
    """A replica with a connection that comes and goes."""

    def __init__(self, person: Person, doors: list[Server | Served], dice: random.Random) -> None:
        self.person, self.doors, self.dice, self.replica = person, doors, dice, Replica()
        self.client: Client | None = None

    def come(self) -> None:
        if self.client is None:
            self.client = connect(self.dice.choice(self.doors), self.person.token, resume=self._resume())
            self.replica.epoch = self.client.hello["epoch"]
            heads = self._hear_until("resumed")["heads"]
            self.replica.asked_for = heads.keys() - self.replica.cursors.keys()
            for conversation in self.replica.asked_for:
                self._ask_for(conversation)

    def go(self) -> None:
        if self.client is not None:
            if self.dice.random() < 0.5:
                self.hear()
            self.client.close()
            self.client = None

    def stay(self) -> None:
        """Neither come nor go."""

    def hear(self) -> None:
        """Take what is there now."""
        assert self.client is not None
        try:
            while True:
                self.replica.hear(self.client.next_frame(0.01))
        except TimeoutError:
            return

    def catch_up(self, heads: dict[str, int]) -> None:
        """Hear until nothing is missing."""
        assert self.client is not None
        deadline = time.monotonic() + 10
        while self.replica.cursors != heads:
            assert time.monotonic() < deadline, (self.replica.cursors, heads)
            self.hear()

    def _resume(self) -> Frame:
        return {"epoch": self.replica.epoch or "00000000-0000-0000-0000-000000000000", "cursors": self.replica.cursors}

    def _ask_for(self, conversation: str) -> None:
        assert self.client is not None
        self.replica.add(conversation)
        while True:
            asked = {"conversationId": conversation, "after": self.replica.cursors[conversation], "limit": 7}
            try:
                answer = self.client.ask("conversation:events", asked)
            except Refusal:
                self.replica.remove(conversation)
                return
            for frame in answer["results"]:
                self.replica.apply(frame)
            if self.replica.cursors[conversation] >= answer["headSeq"]:
                return

    def _hear_until(self, kind: str) -> Frame:
        assert self.client is not None
        while True:
            frame = self.client.next_frame()
            self.replica.hear(frame)
            if frame.get("type") == kind:
                return frame


class Asker:
    """A client without a socket: it asks for what comes after its cursor."""

    def __init__(self, rest: httpx.Client) -> None:
        self.rest, self.replica = rest, Replica()

    def poll(self) -> None:
        listed = {one["id"] for one in everything(self.rest, "/conversations")}
        for gone in self.replica.cursors.keys() - listed:
            self.replica.remove(gone)
        for conversation in listed:
            self.replica.add(conversation)
            while True:
                after = self.replica.cursors[conversation]
                path = f"{API}/conversations/{conversation}/events"
                answer = self.rest.get(path, params={"after": after, "limit": 7}).json()
                for frame in answer["results"]:
                    self.replica.apply(frame)
                if self.replica.cursors[conversation] >= answer["headSeq"]:
                    break


def everything(rest: httpx.Client, path: str) -> list[Frame]:
    found: list[Frame] = []
    cursor: str | None = None
    while True:
        page = rest.get(API + path, params={"cursor": cursor} if cursor else {}).json()
        found += page["results"]
        cursor = page.get("nextCursor")
        if cursor is None:
            return found


def history(rest: httpx.Client, conversation: str) -> dict[int, Frame]:
    found: dict[int, Frame] = {}
    while True:
        params = {"limit": 50} | ({"before": min(found)} if found else {})
        page = rest.get(f"{API}/conversations/{conversation}/messages", params=params).json()["results"]
        if not page:
            return found
        found |= {message["seq"]: shared(message) for message in page}


def fresh(rest: httpx.Client) -> tuple[dict[str, int], dict[str, str], Messages]:
    """Heads, priorities and messages, loaded anew."""
    listed = everything(rest, "/conversations")
    return (
        {one["id"]: one["headSeq"] for one in listed},
        {one["id"]: one["priority"] for one in listed},
        {one["id"]: history(rest, one["id"]) for one in listed},
    )


class Play:
    """People who do everything that makes events, at random."""

    def __init__(self, dice: random.Random, rests: dict[Person, httpx.Client], patients: list[Person]) -> None:
        self.dice, self.rests, self.patients = dice, rests, patients
        self.doctor = next(person for person in rests if person not in patients)
        self.count = 0

    def act(self) -> None:
        actions = [self.open, self.send, self.send, self.send, self.send, self.answer, self.edit, self.delete]
        self.dice.choice([*actions, self.prioritise, self.read, *([self.close] if self.dice.random() < 0.1 else [])])()

    def open(self) -> None:
        patient = self.dice.choice(self.patients)
        asked = {"patientId": str(patient.id), "providerId": str(self.doctor.id)}
        assert self.rests[self.doctor].post(f"{API}/conversations", json=asked).status_code in {200, 201}

    def send(self, **more: object) -> None:
        if place := self._place():
            rest, conversation = place
            self.count += 1
            body = {"content": f"text {self.count}", **more}
            assert rest.post(f"{API}/conversations/{conversation}/messages", json=body).status_code == 201

    def answer(self) -> None:
        if found := self._own_message():
            rest, message = found
            path = f"{API}/conversations/{message['conversationId']}/messages"
            body = {"content": "an answer", "replyToId": message["id"]}
            response = rest.post(path, json=body)
            assert response.status_code == 201, response.text

    def edit(self) -> None:
        if found := self._own_message():
            rest, message = found
            self.count += 1
            body = {"content": f"edited {self.count}"}
            assert rest.patch(f"{API}/messages/{message['id']}", json=body).status_code == 200

    def delete(self) -> None:
        if found := self._own_message():
            rest, message = found
            assert rest.delete(f"{API}/messages/{message['id']}").status_code in {200, 204}

    def prioritise(self) -> None:
        if place := self._place(self.doctor):
            rest, conversation = place
            body = {"priority": self.dice.choice(["normal", "urgent"])}
            assert rest.patch(f"{API}/conversations/{conversation}", json=body).status_code == 200

    def read(self) -> None:
        if place := self._place():
            rest, conversation = place
            if head := rest.get(f"{API}/conversations/{conversation}").json()["headSeq"]:
                assert rest.put(f"{API}/conversations/{conversation}/read", json={"seq": head}).status_code == 200

    def close(self) -> None:
        if place := self._place(self.doctor):
            rest, conversation = place
            assert rest.delete(f"{API}/conversations/{conversation}").status_code == 204

    def _place(self, who: Person | None = None) -> tuple[httpx.Client, str] | None:
        rest = self.rests[who or self.dice.choice([*self.rests])]
        listed = everything(rest, "/conversations")
        return (rest, self.dice.choice(listed)["id"]) if listed else None

    def _own_message(self) -> tuple[httpx.Client, Frame] | None:
        who = self.dice.choice([*self.rests])
        if place := self._place(who):
            rest, conversation = place
            own = [
                message
                for message in history(rest, conversation).values()
                if message["senderId"] == str(who.id) and not message["isDeleted"]
            ]
            return (rest, self.dice.choice(own)) if own else None
        return None


@pytest.mark.parametrize("seed", range(2))
def test_events_lead_to_the_state_that_a_fresh_load_finds(
    server: Server, beside: Served | None, generous: None, doc1: Person, seed: int
) -> None:
    """T123 by sockets, with connections lost at random; T124 by asking alone."""
    dice = random.Random(seed)  # noqa: S311  plays, keeps no secret
    patients = [make_person(f"patient{n}") for n in range(3)]
    doors: list[Server | Served] = [server, *([beside] if beside else [])]
    rests = {person: client_for(person, dice.choice(doors)) for person in [doc1, *patients]}
    play, asker = Play(dice, rests, patients), Asker(rests[doc1])
    devices = [Device(person, doors, dice) for person in [doc1, doc1, *patients]]
    try:
        for device in devices:
            device.come()
        for _ in range(100):
            play.act()
            device = dice.choice(devices)
            dice.choice([device.come, device.go, device.stay])()
            if dice.random() < 0.1:
                asker.poll()
        for device in devices:
            device.come()
            heads, priorities, messages = fresh(rests[device.person])
            device.catch_up(heads)
            assert (device.replica.priorities, device.replica.messages) == (priorities, messages)
        asker.poll()
        assert (asker.replica.cursors, asker.replica.priorities, asker.replica.messages) == fresh(rests[doc1])
        assert play.count > 20
    finally:
        for device in devices:
            device.go()
        for rest in rests.values():
            rest.close()
