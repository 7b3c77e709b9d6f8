"""Clients that come and go, at whatever process, and keep a log of all they were told."""

import random
import time
from typing import NamedTuple

import httpx
from websockets.exceptions import ConnectionClosed

from tests.live import Server
from tests.people import Person
from tests.processes import Served
from tests.promises.replica import API, Replica, everything, taken
from tests.sockets import Client, Frame, connect

Door = Server | Served
GONE = "gone"
NO_EPOCH = "00000000-0000-0000-0000-000000000000"
PATIENCE = 30.0


class Told(NamedTuple):
    """A frame about a conversation, after how many operations: the number it spoke of, if it did, and that of the
    message whose text it showed."""

    operation: int
    event: str
    conversation: str
    seq: int | None
    shown: int | None


class Listener:
    """Somebody's replica, and a log of all it was told. `operation` is counted by whoever plays."""

    def __init__(self, person: Person, rest: httpx.Client) -> None:
        self.person = person
        self.replica = Replica(str(person.id), rest)
        self.log: list[Told] = []
        self.operation = 0

    def take(self, frame: Frame) -> None:
        data = frame.get("data") or {}
        about = frame if "seq" in frame else data
        if "event" in frame and "conversationId" in about:
            shown = data["seq"] if data.get("content") is not None else None
            self.log.append(Told(self.operation, frame["event"], about["conversationId"], about.get("seq"), shown))
        self.replica.hear(frame)


class Asker(Listener):
    """A client without a socket: now and then it asks for what came after its cursors."""

    def poll(self) -> None:
        rest = self.replica.rest
        self.replica.agree({wire["id"]: wire["headSeq"] for wire in everything(rest, "/conversations")})
        for conversation in [*self.replica.known]:
            while self._ask(rest, conversation):
                continue

    def _ask(self, rest: httpx.Client, conversation: str) -> bool:
        """Take the next few events; whether there are more."""
        after = self.replica.known[conversation].cursor
        path = f"{API}/conversations/{conversation}/events"
        answer = taken(rest.get(path, params={"after": after, "limit": 7}))
        for frame in answer["results"]:
            self.take(frame)
        return self.replica.known[conversation].cursor < int(answer["headSeq"])


class Device(Listener):
    """One with a connection that comes and goes."""

    def __init__(self, person: Person, rest: httpx.Client, doors: list[Door], dice: random.Random) -> None:
        super().__init__(person, rest)
        self.doors, self.dice = doors, dice
        self.client: Client | None = None
        self.resumed = 0
        self._epoch = NO_EPOCH

    def come(self) -> None:
        if self.client is not None:
            return
        resume = {"epoch": self._epoch, "cursors": self.replica.cursors()}
        self.client = connect(self.dice.choice(self.doors), self.person.token, resume=resume)
        self.resumed += self._epoch != NO_EPOCH
        self._epoch = self.client.hello["epoch"]
        while self._hear_one(PATIENCE).get("type") not in {"resumed", GONE}:
            continue

    def go(self) -> None:
        """Now and then without having heard the last of it."""
        if self.client is not None and self.dice.random() < 0.5:
            self.hear()
        if self.client is not None:
            self.client.close()
            self.client = None

    def hear(self) -> None:
        """Take what is there now."""
        try:
            while self.client is not None:
                self._hear_one(0.001)
        except TimeoutError:
            return

    def ask(self, event: str, data: Frame) -> Frame | None:
        """The whole reply; None when the connection is gone, and nobody knows whether it was done."""
        assert self.client is not None
        try:
            return self.client.ask_raw(event, data)
        except ConnectionClosed:
            self.client = None
            return None

    def catch_up(self, heads: dict[str, int]) -> None:
        """Hear until nothing is missing."""
        self.come()
        deadline = time.monotonic() + PATIENCE
        while self.replica.cursors() != heads:
            assert time.monotonic() < deadline, (self.replica.cursors(), heads)
            self.come()
            self.hear()

    def _hear_one(self, timeout: float) -> Frame:
        assert self.client is not None
        try:
            frame = self.client.next_frame(timeout)
        except ConnectionClosed:
            self.client = None
            return {"type": GONE}
        if frame.get("type") == "ping":
            self.client.send({"type": "pong"})
        self.take(frame)
        return frame
