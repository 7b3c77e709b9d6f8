"""What a client says about the events it has, and what follows from it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.errors import Invalid
from core.ids import parse_uuid
from realtime import streams, threads, wiring
from realtime.feed import Feed
from realtime.sockets import Socket, resync_frame

_PATIENCE = 0.01


@dataclass(frozen=True, slots=True)
class Resume:
    """The last seq a client has of each conversation, counted in the database of this epoch."""

    epoch: str
    cursors: dict[UUID, int]

    @classmethod
    def parse(cls, body: object) -> "Resume":
        """From `{"epoch": "…", "cursors": {"<conversationId>": 41}}`; raises Invalid."""
        if not isinstance(body, dict) or not isinstance(body.get("epoch"), str):
            raise Invalid("A resume has an `epoch` and `cursors`.")
        cursors = body.get("cursors")
        if not isinstance(cursors, dict):
            raise Invalid("`cursors` is an object of conversation ids and numbers.")
        return cls(body["epoch"], dict(_cursor(name, seq) for name, seq in cursors.items()))

    def plan(self, feeds: Iterable[Feed], epoch: str) -> tuple[dict[UUID, int], list[bytes]]:
        """The cursors that can be replayed, and a `resync` for each of the others. Conversations that are not among
        `feeds` are in neither."""
        replayed, resyncs = {}, []
        for feed in feeds:
            if feed.id not in self.cursors:
                continue
            if self.epoch != epoch:
                resyncs.append(resync_frame(feed.id, "unknown_epoch"))
            elif self.cursors[feed.id] > feed.known:
                resyncs.append(resync_frame(feed.id, "cursor_above_head"))
            else:
                replayed[feed.id] = self.cursors[feed.id]
        return replayed, resyncs

    async def lost(self, actor: Actor, feeds: Iterable[Feed]) -> list[bytes]:
        """A `resync` for each conversation that the client knows, that is not among `feeds`, and that was destroyed
        while they were a member: asked for by itself it says so. Raises DatabaseUnavailable."""
        missing = self.cursors.keys() - {feed.id for feed in feeds}
        if not missing:
            return []
        shredded = await threads.run(wiring.shredded_streams, actor.id, missing)
        return [resync_frame(stream_id, "shredded") for stream_id in shredded]


async def catch_up_with(socket: Socket, cursors: Mapping[UUID, int]) -> None:
    """Before anything is replayed: have this process hear of everything that the client got from another one.

    A client changes its process within milliseconds, and a poke can be late. Without this its cursor would look like
    one that nobody ever gave, and what it has already would be sent again. Raises DatabaseUnavailable.
    """
    ahead = {feed: cursor for feed in socket.feeds if (cursor := cursors.get(feed.id, 0)) > feed.fanned}
    if not ahead:
        return
    heads = await threads.run(streams.heads, [feed.id for feed in ahead])
    socket.hub.notice(heads)
    goals = {feed: min(cursor, heads.get(feed.id, 0)) for feed, cursor in ahead.items()}
    while not socket.closed:
        if all(feed.fanned >= goal for feed, goal in goals.items()):
            return
        # Rare and short: an event would have to be set with every round of every stream.
        await asyncio.sleep(_PATIENCE)


async def record_replay(actor: Actor, feeds: Mapping[Feed, int], cursors: Mapping[UUID, int]) -> None:
    """Write down which stretch of each conversation is about to be replayed, before any of it is; `feeds` gives the
    first number the actor may see of each.

    Raises AuditUnavailable, DatabaseUnavailable or Draining: then nothing may be replayed. What is handed on live is
    not recorded again: that it was sent, and to whom it belonged, is in the log already.
    """
    drafts = []
    for feed, first_seq in feeds.items():
        low = max(cursors.get(feed.id, feed.known) + 1, first_seq)
        if low <= feed.known:
            details = {"from_seq": low, "to_seq": feed.known}
            drafts.append(EntryDraft("messages.viewed", actor, conversation_id=feed.id, details=details))
    await asyncio.gather(*map(writer.store, drafts))


def _cursor(name: Any, seq: Any) -> tuple[UUID, int]:
    stream_id = parse_uuid(name)
    if stream_id is None or type(seq) is not int or seq < 0:
        raise Invalid("`cursors` is an object of conversation ids and numbers.")
    return stream_id, seq
