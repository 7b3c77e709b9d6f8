"""How server processes wake each other: pokes over the channel layer, which is Redis.

A poke says which streams have moved, and up to where, and that memberships have begun. It repeats what else was
announced to the sockets of one process for the sockets of the others, and tells how often people did what is limited
(core.limits) and what is held at this moment (`leases`). It holds ids and numbers, never what somebody wrote, and is
encrypted by the layer, so that whoever reads Redis does not see who talks to whom and whoever writes to it cannot speak
to anybody's sockets.

Nothing depends on a poke. One that is lost, doubled or late does no harm: streams that moved and memberships that began
are found by `polling` within about a second, sessions that ended by `revocation` within 15 s, and what is lost for good
was ephemeral. So the sender never waits long and never repeats. While Redis is away each process gives out its share of
every limit: it does not hear what the others give. A process that is alone sends only signs of life: whoever begins
asks who is there, and is answered at once.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import orjson
from channels.layers import BaseChannelLayer, get_channel_layer
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import RedisError

from core import measuring
from core.limits import buckets
from realtime.hub import Hub, hub
from realtime.inbox import Inbox
from realtime.leases import leases
from realtime.protocol import CloseCode

log = logging.getLogger(__name__)

LONGEST_SEND = 1.0
"""Seconds. A Redis that hangs holds up nobody but the next poke, and what gathers meanwhile goes with it."""

RETRY = 1.0
NEWS_OF_LIMITS = 0.25
"""Seconds. How often people did what is limited is told that often: with a poke that goes anyway, else by itself."""

BREATH = 0.02
"""Seconds between two pokes: under load what several groups have committed goes into one."""

LONGEST_ANSWER = 2.0
"""Seconds. Whoever has asked that long ago, and has heard nobody, is alone and tells nobody anything."""

SIGN_OF_LIFE = 10.0
"""Seconds. A process sends at least that often, so that each knows how many there are."""

LONGEST_WAY = 60.0
"""Seconds. An older poke is not heard, nor a process whose clock is that wrong: the others look for themselves."""

_MOST_ANNOUNCEMENTS = 1000

_sent = measuring.counter("pokes_sent", "Pokes to the other processes, by whether Redis took them.", "outcome")
_lag = measuring.histogram("poke_lag_seconds", "How old pokes of other processes are when they come; by two clocks.")

_UNREACHABLE = (RedisError, OSError, TimeoutError)


def _ids(values: Iterable[str]) -> list[UUID]:
    return [UUID(value) for value in values]


_ANNOUNCEMENTS: dict[str, tuple[Callable[..., None], tuple[Callable[[Any], Any], ...]]] = {
    "unfollow": (Hub.unfollow, (_ids, UUID)),
    "tell_users": (Hub.tell_users, (_ids, str, dict)),
    "tell_members": (Hub.tell_members, (_ids, UUID, str, dict)),
    "hear_typing": (Hub.hear_typing, (UUID, UUID, bool, int)),
    "close_session": (Hub.close_session, (UUID, CloseCode)),
    "close_user": (Hub.close_user, (UUID, CloseCode)),
    "chose": (Hub.chose, (UUID, UUID, str)),
    "described": (Hub.described, (UUID,)),
    "forget_keys": (Hub.forget_keys, (UUID,)),
}
"""What one process may ask of another's hub, and how to read the arguments. None of it shows anybody anything: who
belongs where is never taken from a poke, which could be an old one that somebody sends again."""


def _nobody_looks() -> None:
    """While there is no loop there are no sockets to look for."""


class Pokes:
    """Those of one process. Threads call `moved` and `announce`; everything else happens on the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._inbox = Inbox()
        self._heads: dict[UUID, int] = {}
        self._announcements: deque[tuple[Any, ...]] = deque(maxlen=_MOST_ANNOUNCEMENTS)
        self._wake = asyncio.Event()
        self._sender = uuid4().hex
        self._began = self._asks = self._answers = False
        self._asked_at = math.inf
        self._look: Callable[[], None] = _nobody_looks
        self._sent_at = self._counted_at = 0.0
        self._number = 0
        self._complained_at = -math.inf
        self._heard: dict[tuple[str, str], tuple[int, float]] = {}
        """Of each process and group the number of the last poke, and when it came."""
        self._reachable = True

    def bind(self, loop: asyncio.AbstractEventLoop | None, look: Callable[[], None] = _nobody_looks) -> None:
        """From now on pokes are sent from this loop, and `look` is called when there are memberships to be found; None
        stops it, and in a process without a loop nothing is sent."""
        self._inbox.bind(loop)
        self._look, self._began, self._asks, self._answers = look, False, False, False
        self._heard.clear()
        self._asked_at = math.inf
        self._heads.clear()
        self._announcements.clear()
        self._wake = asyncio.Event()
        buckets.shared = leases.shared = loop is not None
        buckets.share = 1.0

    async def close(self) -> None:
        """Say the last news and goodbye, and let go of the connections; nothing is sent any more."""
        while leases.has_news() and self._reachable:
            for group, poke in self._batches():
                await self._send(group, poke)
        if self._reachable:
            await self._send(_group(0), {"leaves": True})
        self.bind(None)
        await _layer().flush()

    # Entry points, from any thread.

    def moved(self, heads: Mapping[UUID, int]) -> None:
        """These streams have events up to these numbers, committed."""
        self._inbox.put(partial(self._note_heads, heads))

    def began(self) -> None:
        """Memberships have begun, committed: the other processes are to look for them."""
        self._inbox.put(self._note_began)

    def announce(self, what: str, *args: Any) -> None:
        """Have the other processes call this entry point of their hubs, with arguments that JSON can hold."""
        self._inbox.put(partial(self._note, (what, *args)))

    # On the loop.

    async def send(self) -> None:
        """Send what has gathered, for ever: one poke at a time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(NEWS_OF_LIMITS):
                    await self._wake.wait()
            self._wake.clear()
            for group, poke in self._batches():
                await self._send(group, poke)
            await asyncio.sleep(BREATH)

    async def receive(self) -> None:
        """Carry out what the other processes send, for ever."""
        layer = _layer()
        try:
            async with asyncio.timeout(LONGEST_SEND):
                channel = await layer.new_channel()
                for shard in range(settings.POKE_SHARDS):
                    await layer.group_add(_group(shard), channel)
        except _UNREACHABLE as error:
            self._say_reachable(error)
            await layer.flush()
            await asyncio.sleep(RETRY)
            return
        self._asks, self._asked_at = True, time.monotonic()
        self._wake.set()
        leases.say_all()
        while True:
            try:
                self._take(await layer.receive(channel))
            except (InvalidToken, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                # Of an installation with another secret, or of a version that says more: the polls find what it meant.
                self._complain(error)

    def _note_heads(self, heads: Mapping[UUID, int]) -> None:
        for stream_id, seq in heads.items():
            self._heads[stream_id] = max(seq, self._heads.get(stream_id, 0))
        self._wake.set()

    def _note_began(self) -> None:
        self._began = True
        self._wake.set()

    def _note(self, announcement: tuple[Any, ...]) -> None:
        self._announcements.append(announcement)
        self._wake.set()

    def _batches(self) -> list[tuple[str, dict[str, Any]]]:
        """What has gathered, by the group that is to hear it. Who is alone only says that it is there."""
        shards: dict[int, dict[str, Any]] = {}
        if time.monotonic() - self._sent_at > SIGN_OF_LIFE or self._answers:
            shards[0] = {}
            self._forget_the_dead()
        if self._asks:
            shards.setdefault(0, {})["asks"] = True
        if self.is_alone():
            buckets.collect()
            leases.forget_news()
        else:
            self._add_news(shards)
        self._heads.clear()
        self._announcements.clear()
        self._began = self._asks = self._answers = False
        return [(_group(shard), poke) for shard, poke in shards.items()]

    def _add_news(self, shards: dict[int, dict[str, Any]]) -> None:
        """What belongs to no stream goes to the first group."""
        moment = time.monotonic()
        if moment - self._counted_at >= NEWS_OF_LIMITS and (taken := buckets.collect()):
            self._counted_at = moment
            shards.setdefault(0, {})["taken"] = [(name, str(who), count) for (name, who), count in taken.items()]
        for stream_id, seq in self._heads.items():
            shards.setdefault(stream_id.int % settings.POKE_SHARDS, {}).setdefault("heads", {})[str(stream_id)] = seq
        if self._began:
            shards.setdefault(0, {})["began"] = True
        if self._announcements:
            shards.setdefault(0, {})["announcements"] = list(self._announcements)
        if said := leases.collect():
            shards.setdefault(0, {})["leases"] = said
            if leases.has_news():
                self._wake.set()

    async def _send(self, group: str, poke: dict[str, Any]) -> None:
        self._number += 1
        place = {"from": self._sender, "group": group, "number": self._number, "at": time.time()}
        message = {"type": "poke", "body": orjson.dumps(place | poke)}
        self._sent_at = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_SEND):
                await _layer().group_send(group, message)
        except _UNREACHABLE as error:
            _sent.inc("failed")
            self._say_reachable(error)
        else:
            _sent.inc("ok")
            self._say_reachable(None)

    def _take(self, message: Mapping[str, Any]) -> None:
        poke = orjson.loads(message["body"])
        if poke["from"] == self._sender or not self._is_news(poke):
            return
        _lag.observe(max(0.0, time.time() - poke["at"]))
        self._hub.notice({UUID(stream_id): seq for stream_id, seq in poke.get("heads", {}).items()})
        if poke.get("began"):
            self._look()
        for what, *args in poke.get("announcements", ()):
            entry, kinds = _ANNOUNCEMENTS[what]
            entry(self._hub, *(kind(arg) for kind, arg in zip(kinds, args, strict=True)))
        for name, who, count in poke.get("taken", ()):
            buckets.spend(name, UUID(who), settings.LIMITS[name], count)
        leases.take(poke["from"], poke.get("leases", ()))
        if poke.get("asks"):
            self._answers = True
            self._wake.set()
            leases.say_all()
        if poke.get("leaves"):
            leases.forget(poke["from"])

    def _is_news(self, poke: Mapping[str, Any]) -> bool:
        """Not one that was heard before, or long ago: somebody who can write to Redis could send those again."""
        origin = poke["from"], poke["group"]
        known, _ = self._heard.get(origin, (0, 0.0))
        if poke["number"] <= known or abs(time.time() - poke["at"]) > LONGEST_WAY:
            return False
        self._heard[origin] = poke["number"], time.monotonic()
        return True

    def _complain(self, error: Exception) -> None:
        """Once a minute at most: whoever can write to Redis must not be able to fill the log."""
        if time.monotonic() - self._complained_at > 60:
            self._complained_at = time.monotonic()
            log.warning("pokes come that cannot be read: %s", type(error).__name__)

    def _say_reachable(self, error: Exception | None) -> None:
        """Once when Redis goes and once when it is back, not with every poke between."""
        reachable = error is None
        if reachable != self._reachable:
            self._reachable = reachable
            buckets.share = 1.0 if reachable else 1 / (1 + self._others())
            if error is None:
                leases.say_all()
                log.warning("the other processes can be woken again")
            else:
                log.warning("the other processes cannot be woken, and look for themselves: %s", type(error).__name__)

    @property
    def is_cut_off(self) -> bool:
        """Whether the last poke could not be sent."""
        return not self._reachable

    def is_alone(self) -> bool:
        """A process that begins asks, and the others answer at once: from then on each knows of the other."""
        return time.monotonic() - self._asked_at > LONGEST_ANSWER and not self._others()

    def _others(self) -> int:
        """How many processes have been heard lately."""
        lately = time.monotonic() - 2.5 * SIGN_OF_LIFE
        return len({sender for (sender, _), (_, heard_at) in self._heard.items() if heard_at > lately})

    def _forget_the_dead(self) -> None:
        long_ago = time.monotonic() - 2 * LONGEST_WAY
        self._heard = {origin: heard for origin, heard in self._heard.items() if heard[1] > long_ago}


def _layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    if layer is None:
        raise ImproperlyConfigured("there is no default channel layer")
    return layer


def _group(shard: int) -> str:
    return f"pokes.{shard}"


pokes = Pokes(hub)
"""The ones of this process. Without `bind` (commands, the worker, one process alone) its entry points do nothing."""

measuring.gauge("processes_cut_off", "Processes that cannot reach Redis.", lambda: float(pokes.is_cut_off))
