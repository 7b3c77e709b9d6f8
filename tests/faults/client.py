"""A client of Parley as the protocol documents it, for one device, which writes down what it does and hears.

It resumes with its cursors, comes back with full jitter, repeats a send whose outcome it does not know under the same
client message id, follows `drain`, and asks `conversation:events` for what it finds missing.
"""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults.history import Heard, History, Outcome, Return, Send

Frame = dict[str, Any]

ANSWER_WITHIN = 15.0
"""Seconds after which a request counts as lost and its connection as dead."""

BASE, CAP, STABLE = 0.5, 30.0, 4.0
"""Seconds: coming back waits a random part of BASE * 2^attempts, at most CAP; a connection that held for STABLE begins
anew. STABLE is 60 for clients of people; here connections break so much more often that they would wait ever longer."""

LATER = frozenset(
    (
        *("draining", "rate_limited", "timeout", "database_unavailable", "audit_unavailable", "key_unavailable"),
        *("storage_unavailable", "storage_full"),
    )
)
"""Codes that say: not now. All others are for good."""

FOR_GOOD = frozenset((4400, 4401, 4403, 4410))
"""Close codes after which a client does not come back by itself."""


class Lost(Exception):
    """The connection ended, or no answer came: the outcome of the request is unknown."""


class Device:
    """`port` may be a balancer's. `cursors` names every conversation it is to follow from the beginning."""

    def __init__(self, name: str, person: str, token: str, port: int, history: History) -> None:
        self.name, self.person, self.history = name, person, history
        self.epoch = ""
        self.cursors: dict[str, int] = {}
        self.connected = asyncio.Event()
        self.closed_with: int | None = None
        self.sending = self.losses = 0
        self.impatient = False
        """Comes back at once, without jitter, as misbehaving clients do."""
        self.token, self._port = token, port
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._requests, self._messages = count(1), count(1)
        self._on_wire: dict[str, int] = {}
        self._attempt = 0
        self._lost_at: float | None = None
        self._applied_before = 0
        self._replaying = True
        self._not_before: float | None = None
        self._checks: set[asyncio.Task[None]] = set()

    # ---- The connection -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Be connected until cancelled, or until the server says that there is no use in coming back."""
        while self.closed_with not in FOR_GOOD:
            begin = time.monotonic()
            with suppress(Lost, OSError, WebSocketException, TimeoutError, EOFError):
                await self._live()
            self._lose()
            if time.monotonic() - begin > STABLE:
                self._attempt = 0
            await self._pause()

    async def _live(self) -> None:
        url = f"ws://127.0.0.1:{self._port}/ws/chat"
        options: Mapping[str, Any] = {"compression": None, "ping_interval": None, "max_size": None, "proxy": None}
        async with connect(url, open_timeout=10, close_timeout=1, **options) as socket:
            self._socket, self._on_wire, self._replaying = socket, dict(self.cursors), True
            self._applied_before = self._applied()
            resume = {"resume": self._resume()} if self.epoch else {}
            await self._say({"type": "auth", "token": self.token, **resume})
            try:
                while True:
                    await self._hear(json.loads(await socket.recv()))
            except ConnectionClosed as closed:
                self.closed_with = closed.rcvd.code if closed.rcvd else 1006

    def _resume(self) -> Frame:
        return {"epoch": self.epoch, "cursors": self.cursors}

    def _lose(self) -> None:
        self._leave()
        self._socket = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Lost())
        self._waiting.clear()

    def _leave(self) -> None:
        if self.connected.is_set():
            self._lost_at = time.monotonic()
            self.losses += 1
        self.connected.clear()

    async def _pause(self) -> None:
        """Who was told when to come back does so; everybody else waits a random time."""
        not_before, self._not_before = self._not_before, None
        if self.impatient:
            await asyncio.sleep(0.01)
            return
        if not_before is not None:
            await asyncio.sleep(max(0.01, not_before - time.monotonic()))
            return
        await asyncio.sleep(random.uniform(0, min(CAP, BASE * 2**self._attempt)))  # noqa: S311  jitter
        self._attempt += 1

    async def _say(self, frame: Frame) -> None:
        socket = self._socket
        if socket is None:
            raise Lost()
        try:
            await socket.send(json.dumps(frame))
        except ConnectionClosed as closed:
            raise Lost() from closed

    # ---- What comes ---------------------------------------------------------------------------------------------

    async def _hear(self, frame: Frame) -> None:
        if "replyTo" in frame:
            self._answered(frame)
        elif "seq" in frame:
            self._durable(frame)
        elif "type" in frame:
            await self._control(frame)

    def _answered(self, frame: Frame) -> None:
        waiting = self._waiting.pop(frame["replyTo"] or "", None)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    async def _control(self, frame: Frame) -> None:
        if frame["type"] == "auth_success":
            await self._greeted(frame)
        elif frame["type"] == "resumed":
            self._is_back(frame["heads"])
        elif frame["type"] == "ping":
            await self._say({"type": "pong"})
            self._compare(frame["heads"])
        elif frame["type"] == "drain":
            # Nothing more is asked here; the server closes the connection when it is time to come back.
            self._not_before = time.monotonic() + frame["reconnectInMs"] / 1000
            self._leave()
        elif frame["type"] == "resync":
            self.history.resyncs += 1
            self.history.stumbles.append(f"{self.name} was told to reload {frame['conversationId']}: {frame['reason']}")

    async def _greeted(self, frame: Frame) -> None:
        if not self.epoch:
            self.epoch = frame["epoch"]
            await self._say({"type": "resume", **self._resume()})
        elif frame["epoch"] != self.epoch:
            self.history.stumbles.append(f"{self.name} met another epoch")

    def _is_back(self, heads: dict[str, int]) -> None:
        for gone in self.cursors.keys() - heads.keys():
            del self.cursors[gone]
        for conversation, head in heads.items():
            if self.cursors.get(conversation, head) < head:
                self.history.stumbles.append(f"{self.name} was resumed to {self.cursors[conversation]} of {head}")
        self._replaying = False
        if self._lost_at is not None:
            replayed = self._applied() - self._applied_before
            self.history.returns.append(Return(self.name, self._lost_at, time.monotonic(), replayed))
            self._lost_at = None
        self.connected.set()

    def _durable(self, frame: Frame) -> None:
        conversation, seq = frame["conversationId"], frame["seq"]
        before = self._on_wire.get(conversation, seq - 1)
        if seq != before + 1:
            self.history.stumbles.append(f"{self.name} got {seq} of {conversation} after {before}")
        self._on_wire[conversation] = seq
        if seq > self.cursors.get(conversation, 0) + 1:
            self._fill(conversation)
        else:
            self._apply(frame, live=not self._replaying)

    def _apply(self, frame: Frame, *, live: bool) -> None:
        conversation, seq = frame["conversationId"], frame["seq"]
        if seq != self.cursors.get(conversation, 0) + 1:
            return
        self.cursors[conversation] = seq
        client_message_id = frame["data"].get("clientMessageId") if frame["event"] == "message:new" else None
        delay = time.time() - datetime.fromisoformat(frame["at"]).timestamp()
        heard = Heard(seq, frame["event"], client_message_id, time.monotonic(), delay, live)
        self.history.heard[self.name, conversation].append(heard)

    def _applied(self) -> int:
        return sum(self.cursors.values())

    # ---- What is missing ----------------------------------------------------------------------------------------

    def _compare(self, heads: dict[str, int]) -> None:
        """The heartbeat names heads: what has not come two seconds later is asked for."""
        for conversation, head in heads.items():
            if self.cursors.get(conversation, head) < head:
                self._fill(conversation, up_to=head, after=2.0)

    def _fill(self, conversation: str, up_to: int | None = None, after: float = 0.0) -> None:
        task = asyncio.create_task(self._ask_for_missing(conversation, up_to, after))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _ask_for_missing(self, conversation: str, up_to: int | None, after: float) -> None:
        socket = self._socket
        await asyncio.sleep(after)
        if self._socket is not socket or (up_to is not None and self.cursors.get(conversation, up_to) >= up_to):
            return
        self.history.gaps_filled += 1
        with suppress(Lost):
            after_seq = self.cursors.get(conversation, 0)
            reply = await self.ask("conversation:events", {"conversationId": conversation, "after": after_seq})
            for frame in reply.get("data", {}).get("results", []):
                self._apply(frame, live=False)

    # ---- Asking -------------------------------------------------------------------------------------------------

    async def ask(self, event: str, data: Frame) -> Frame:
        """The whole reply. Raises Lost when there is none: then its outcome is unknown."""
        own = f"r{next(self._requests)}"
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[own] = answer
        try:
            await self._say({"id": own, "event": event, "data": data})
            async with asyncio.timeout(ANSWER_WITHIN):
                return await answer
        except TimeoutError as late:
            if self._socket is not None:
                self._socket.transport.abort()
            raise Lost() from late
        finally:
            self._waiting.pop(own, None)

    async def send(self, conversation: str, content: str) -> Send:
        """Say something until it is known what came of it."""
        client_message_id = f"{self.name}-{next(self._messages)}"
        send = Send(self.name, self.person, conversation, client_message_id, content, time.monotonic())
        self.history.sends.append(send)
        data = {"conversationId": conversation, "clientMessageId": client_message_id, "content": content}
        while send.ended is None:
            await self.connected.wait()
            await self._attempt_to(send, data)
        return send

    async def _attempt_to(self, send: Send, data: Frame) -> None:
        self.sending += 1
        try:
            reply = await self.ask("message:new", data)
        except Lost:
            send.unknown += 1
            await asyncio.sleep(0.05)
            return
        finally:
            self.sending -= 1
        error = reply.get("error")
        if error is not None and error["code"] in LATER:
            send.refusals.append(error["code"])
            await asyncio.sleep(error.get("retryAfterMs", 500) / 1000 * random.uniform(0.2, 1))  # noqa: S311  jitter
            return
        send.ended = time.monotonic()
        if error is not None:
            send.outcome, send.code = Outcome.FAIL, error["code"]
        else:
            send.outcome, send.seq = Outcome.OK, reply["data"]["seq"]

    async def read(self, conversation: str) -> None:
        """Mark everything that was applied as read, once; an unanswered mark is repeated."""
        seq = self.cursors.get(conversation, 0)
        while seq:
            await self.connected.wait()
            with suppress(Lost):
                reply = await self.ask("message:read", {"conversationId": conversation, "seq": seq})
                if "data" in reply:
                    place = self.person, conversation
                    self.history.reads[place] = max(self.history.reads.get(place, 0), seq)
                    return
                if reply["error"]["code"] not in LATER:
                    self.history.stumbles.append(f"{self.name} may not read {seq}: {reply['error']['code']}")
                    return
            await asyncio.sleep(0.2)

    def brought(self, conversation: str) -> int:
        """Up to where the server has brought this conversation by itself: what the client asked for does not count."""
        return self._on_wire.get(conversation, 0)

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
