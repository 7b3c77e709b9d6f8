"""The hub of this process: which sockets there are, what they follow, and how an event reaches them.

Threads call the entry points; everything else happens on the event loop, so that nothing here needs a lock. What can
overtake what, and what is done about it:

- *Two threads commit 5 and 6, and 6 speaks first.* Feeds hand on in order; a gap that stays open for 20 ms is read from
  the database (`catchup`), where 5 must be, because 6 was numbered under the same lock after it.
- *An event commits while a socket opens.* The socket follows first and asks for the head afterwards: what committed
  before the question is in the answer, what committed after it is published to a feed that waits for it. Overlap is
  removed by seq. Replays read up to a number fixed when they begin; from there the feed's rounds take over.
- *Memberships change while a socket opens.* What it follows first is a guess, corrected by the changes heard since it
  was registered (`Follower.with_changes`). Once it follows and the heads are known the memberships are read again, and
  that counts (`Follower.confirm`): a departure that is not in it has a higher number than the heads, and will be handed
  on, or read, like any event. Until then nothing is written to the socket.
- *News of joining and leaving arrives in the wrong order.* The numbers of the two events decide (`standing`).
- *Somebody is removed while events are on their way.* The removal is itself an event, `member:left`. It ends a round,
  so nothing later can be in a write with it; sockets that are behind get it as their limit; for those that opened
  meanwhile it is a change as above. When it cannot be told whether a socket belongs to the stay that ended or to a
  later one, the socket loses the stream: that is mended by connecting again, a leak is not.
- *The past is opened or closed* (`history`). Who sees what is read once the event that says so is handed on. The edit
  of an older message that commits in that moment still goes by the rule before; replays and pages go by the new one.
- *A membership ends by itself*, with no event yet that says so: every process looks for it at that moment (`polling`).
- *A session ends while its socket opens.* The session is read again together with the memberships (`session`).
- *A client names a cursor it cannot have.* It never moves a socket forward, past the event that ends what it may see.
- *A socket closes in the middle of anything.* It leaves every feed at once and its `closed` is looked at after every
  wait; reads and replies that come later for it are dropped.
- *An announcement is lost* with the thread that should have made it: the heads in the database are compared with the
  feeds' on every heartbeat, the sessions on every sweep.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from core import measuring
from encryption.keyring import keyring
from realtime import protocol
from realtime.feed import Feed, Veil
from realtime.inbox import Inbox
from realtime.leases import Leases, leases
from realtime.looking import Views
from realtime.outlet import Outlet
from realtime.places import Places
from realtime.presence import KIND as PRESENCE
from realtime.presence import Presence
from realtime.protocol import CloseCode
from realtime.published import Published
from realtime.rounds import SLICE, Rounds
from realtime.sockets import Socket, Stretch
from realtime.standing import FOR_EVER, Change, Standings
from realtime.typists import Typists

_connections = measuring.counter("connections", "Sockets that were accepted.")
_ephemeral = measuring.tally("ephemeral_deliveries", "Events without a number (typing, receipts, …) for sockets.")


class Reader(Protocol):
    """Reads the database for the hub (`catchup.CatchUp`)."""

    def settle(self, feed: Feed) -> None: ...
    def close_gap(self, feed: Feed, *, at_once: bool = False) -> None: ...
    def read_for(self, socket: Socket, stretches: Sequence[Stretch]) -> None: ...
    def look_again(self, feed: Feed) -> None: ...


class Hub:
    def __init__(self, leases: Leases) -> None:
        self.feeds: dict[UUID, Feed] = {}
        self.sockets: set[Socket] = set()
        self.choked: set[Outlet] = set()
        self.total = self.peak = 0
        self.views = Views(self, leases)
        self.typists = Typists(self.views.audience)
        self._users: dict[UUID, list[Socket]] = {}
        self._sessions: dict[UUID, list[Socket]] = {}
        self.presence = Presence(leases, self._sessions, self._tell)
        self._places = Places(leases, self.sockets_of)
        self._standings = Standings()
        self._inbox = Inbox()
        self._rounds = Rounds()
        self._reader: Reader | None = None

    def bind(self, loop: asyncio.AbstractEventLoop, reader: Reader) -> None:
        """From now on this process has sockets, and they live on this loop."""
        self._reader = reader
        self._inbox.bind(loop)
        self.presence.begin()

    def unbind(self) -> None:
        self._inbox.bind(None)
        self._reader = None
        self.typists.clear()

    def counts(self) -> dict[str, int]:
        """Connections: open now, since the start, and most at once. From any thread."""
        return {"active": len(self.sockets), "total": self.total, "peak": self.peak}

    # Entry points, from any thread.

    def publish(self, events: Sequence[Published]) -> None:
        """Hand committed events to whoever follows their streams."""
        self._inbox.put(partial(self._take, events))

    def tell_users(self, user_ids: Iterable[UUID], event: str, data: dict[str, Any]) -> None:
        """An ephemeral event to all sockets of these people."""
        self._inbox.put(partial(self._tell_users, user_ids, event, data))

    def tell_members(self, user_ids: Iterable[UUID], stream_id: UUID, event: str, data: dict[str, Any]) -> None:
        """An ephemeral event to the sockets of these people that follow the stream: not to who has just left it."""
        self._inbox.put(partial(self._tell_members, user_ids, stream_id, event, data))

    def hear_typing(self, stream_id: UUID, user_id: UUID, is_typing: bool, head: int) -> None:
        """This person types, or stopped, when `head` was the last event of the stream."""
        self._inbox.put(partial(self._hear_typing, stream_id, user_id, is_typing, head))

    def follow(self, user_ids: Iterable[UUID], stream_id: UUID, first_seq: int, joined_seq: int = 1) -> None:
        """These people belong to the stream since event `joined_seq`, or 1 when they began it, and may see it from
        `first_seq` on. A repeat does nothing."""
        self._inbox.put(partial(self._follow, user_ids, stream_id, first_seq, joined_seq))

    def unfollow(self, user_ids: Iterable[UUID], stream_id: UUID) -> None:
        """The stream is gone for these people, for good."""
        self._inbox.put(partial(self._unfollow, user_ids, stream_id))

    def close_session(self, session_id: UUID, code: CloseCode = CloseCode.SESSION_REVOKED) -> None:
        self._inbox.put(lambda: _revoke(self._sessions.get(session_id, ()), code))

    def close_user(self, user_id: UUID, code: CloseCode = CloseCode.ACCOUNT_DISABLED) -> None:
        self._inbox.put(lambda: _revoke(self._users.get(user_id, ()), code))

    def chose(self, user_id: UUID, session_id: UUID, status: str) -> None:
        """This person chose what to be on that device (`presence.Status`)."""
        self._inbox.put(partial(self.presence.chose, user_id, session_id, status))

    def described(self, user_id: UUID) -> None:
        """This person says something else of themselves."""
        self._inbox.put(partial(self.presence.described, user_id))

    def forget_keys(self, conversation_id: UUID) -> None:
        """Keys of this conversation were destroyed: it has none in the memory of this process."""
        keyring().forget(conversation_id)

    # Sockets come and go.

    def enter(self, socket: Socket) -> None:
        """A connection was accepted."""
        self.sockets.add(socket)
        self.total += 1
        _connections.inc()
        self.peak = max(self.peak, len(self.sockets))

    def recognise(self, socket: Socket, user_id: UUID, session_id: UUID | None) -> None:
        """The socket is this person's. From here on it hears of changes. One too many closes the person's oldest."""
        socket.user_id, socket.session_id = user_id, session_id
        self._users.setdefault(user_id, []).append(socket)
        if session_id is not None:
            self._sessions.setdefault(session_id, []).append(socket)
        self._places.take(socket, user_id)

    def subscribe(self, socket: Socket, visible: Mapping[UUID, int]) -> list[Feed]:
        """Have it follow these streams. Returns the feeds whose head must be known before the socket can begin."""
        for stream_id, first_seq in socket.with_changes(visible).items():
            socket.follow_from_head(self._feed(stream_id), first_seq)
            if stream_id not in visible:
                socket.tell(_membership("conversation:added", stream_id))
        return [feed for feed in socket.feeds if feed.window is None]

    def leave(self, socket: Socket) -> None:
        """The socket is closed or gone."""
        self.sockets.discard(socket)
        self.choked.discard(socket)
        for feed in [*socket.feeds]:
            socket.unfollow(feed)
        self.views.gone(socket)
        _take_out(self._users, socket.user_id, socket)
        _take_out(self._sessions, socket.session_id, socket)
        self._places.give_back(socket)
        self.presence.closed(socket)

    def dropped(self, feed: Feed) -> None:
        """A socket has left this feed; with the last one the feed goes."""
        if feed.empty and self.feeds.get(feed.id) is feed:
            del self.feeds[feed.id]

    def sockets_of(self, user_id: UUID) -> Sequence[Socket]:
        return self._users.get(user_id, ())

    def session_ids(self) -> Collection[UUID]:
        return list(self._sessions)

    # Events.

    def notice(self, heads: Mapping[UUID, int]) -> None:
        """These numbers exist, somebody says; what is missing up to there is read."""
        for stream_id, head in heads.items():
            feed = self.feeds.get(stream_id)
            if feed is not None:
                feed.known = max(feed.known, head)
                if feed.gap and self._reader is not None:
                    self._reader.close_gap(feed, at_once=True)

    def hand(self, feed: Feed, event: Published, frame: bytes) -> None:
        """One event for one feed, from a thread that committed it or from the database."""
        self.offer(feed, event.seq, frame, event.leaver, event.veil)
        if event.changes_sight and self._reader is not None:
            self._reader.look_again(feed)

    def resight(self, feed: Feed, sights: Mapping[UUID, int]) -> None:
        """From now on these people see the stream from these numbers on."""
        for socket in (*feed.live, *feed.lagging):
            if socket.user_id is not None and socket.user_id in sights:
                socket.feeds[feed] = sights[socket.user_id]

    def offer(self, feed: Feed, seq: int, frame: bytes, leaver: UUID | None = None, veil: Veil | None = None) -> None:
        """Put it in its place, whatever the order."""
        if leaver is not None:
            self._note(leaver, feed.id, Change(seq, None))
        late = feed.window is not None and seq <= feed.fanned
        feed.offer(seq, frame, leaver, veil)
        if late and leaver is not None:
            self.left(feed, leaver, seq)
        self._rounds.add(feed)

    def settled(self, feed: Feed, head: int) -> None:
        """The head of a feed is known now."""
        feed.settle(head)
        for socket in [*feed.lagging]:
            socket.pump()
        self._rounds.add(feed)

    def read_for(self, socket: Socket, stretches: Sequence[Stretch]) -> None:
        if self._reader is not None:
            self._reader.read_for(socket, stretches)

    def _take(self, events: Sequence[Published]) -> None:
        for event in events:
            leaver, feed = event.leaver, self.feeds.get(event.stream_id)
            if feed is None and leaver is not None:
                self._note(leaver, event.stream_id, Change(event.seq, None))
            elif feed is not None:
                self.hand(feed, event, protocol.encode(event.frame))
                if feed.gap and self._reader is not None:
                    self._reader.close_gap(feed)

    def _tell_users(self, user_ids: Iterable[UUID], event: str, data: dict[str, Any]) -> None:
        sockets = [socket for user_id in user_ids for socket in self._users.get(user_id, ())]
        if sockets:
            self._tell(sockets, protocol.event_frame(event, data))

    def _tell_members(self, user_ids: Iterable[UUID], stream_id: UUID, event: str, data: dict[str, Any]) -> None:
        feed = self.feeds.get(stream_id)
        if feed is not None:
            own = [socket for user_id in user_ids for socket in self._users.get(user_id, ())]
            sockets = [socket for socket in own if socket.belongs(feed)]
            if sockets:
                self._tell(sockets, protocol.event_frame(event, data))

    def _hear_typing(self, stream_id: UUID, user_id: UUID, is_typing: bool, head: int) -> None:
        # Who has left since gave the sign as a member; it comes too late to be shown.
        if not is_typing or not self._standings.left_after(user_id, stream_id, head):
            self.typists.hear(stream_id, user_id, is_typing, head)

    def _tell(self, sockets: Sequence[Outlet], frame: bytes) -> None:
        _ephemeral.n += len(sockets[:SLICE])
        for socket in sockets[:SLICE]:
            socket.tell(frame)
        if sockets[SLICE:]:
            asyncio.get_running_loop().call_soon(self._tell, sockets[SLICE:], frame)

    # Memberships.

    def _follow(self, user_ids: Iterable[UUID], stream_id: UUID, first_seq: int, joined_seq: int) -> None:
        # Who began the stream came before its first event, which can be their leaving.
        since = joined_seq if joined_seq > 1 else 0
        change, frame = Change(since, first_seq), _membership("conversation:added", stream_id)
        for user_id in user_ids:
            if self._note(user_id, stream_id, change):
                for socket in [*self._users.get(user_id, ())]:
                    # While it opens it notes the change, and is told with the end of its opening.
                    if not socket.opening and socket.join(self._feed(stream_id), change):
                        socket.tell(frame)

    def take_away(self, socket: Socket, feed: Feed) -> None:
        """Nothing more of this stream for this socket; its client hears that it is gone."""
        if feed in socket.feeds:
            socket.unfollow(feed)
            socket.tell(_membership("conversation:removed", feed.id))

    def lapse(self, user_id: UUID, stream_id: UUID, joined_seq: int) -> None:
        """This person's stay that began with that event is over, though no event says so yet. They may come back."""
        feed = self.feeds.get(stream_id)
        if feed is not None and self._standings.joined_after(user_id, stream_id, joined_seq) is None:
            for socket in [*self._users.get(user_id, ())]:
                self.take_away(socket, feed)

    def followers(self, stream_id: UUID) -> set[UUID]:
        """Whose sockets follow the stream."""
        feed = self.feeds.get(stream_id)
        sockets = () if feed is None else (*feed.live, *feed.lagging)
        return {socket.user_id for socket in sockets if socket.user_id is not None}

    def _unfollow(self, user_ids: Iterable[UUID], stream_id: UUID) -> None:
        feed = self.feeds.get(stream_id)
        for user_id in user_ids:
            self._note(user_id, stream_id, Change(FOR_EVER, None))
            if feed is not None:
                for socket in [*self._users.get(user_id, ())]:
                    self.take_away(socket, feed)

    def left(self, feed: Feed, user_id: UUID, seq: int) -> None:
        """The feed has come to the last event this person may get."""
        back = self._standings.joined_after(user_id, feed.id, seq)
        self.typists.hear(feed.id, user_id, False, seq)
        # One that sees only what comes later belongs to a later stay.
        for socket in [s for s in self._users.get(user_id, ()) if s.feeds.get(feed, seq + 1) <= seq]:
            self.views.end(socket, feed.id)
            if back is not None:
                socket.return_after(feed, seq, back)
            else:
                socket.end_at(feed, seq)
                socket.tell(_membership("conversation:removed", feed.id))

    def _note(self, user_id: UUID, stream_id: UUID, change: Change) -> bool:
        news = self._standings.note(user_id, stream_id, change)
        if news:
            for socket in self._users.get(user_id, ()):
                socket.note_change(stream_id, change)
        return news

    def _feed(self, stream_id: UUID) -> Feed:
        feed = self.feeds.get(stream_id)
        if feed is None:
            feed = self.feeds[stream_id] = Feed(stream_id, self.left)
            if self._reader is not None:
                self._reader.settle(feed)
        return feed


def _revoke(sockets: Iterable[Socket], code: CloseCode) -> None:
    for socket in [*sockets]:
        socket.revoke(code)


def _take_out(index: dict[UUID, list[Socket]], key: UUID | None, socket: Socket) -> None:
    if key is not None and socket in index.get(key, ()):
        index[key].remove(socket)
        if not index[key]:
            del index[key]


def _membership(event: str, stream_id: UUID) -> bytes:
    return protocol.event_frame(event, {"conversationId": stream_id})


def _people() -> int:
    return len(leases.keys(PRESENCE))


hub = Hub(leases)
"""The one of this process. Without `bind` (commands, the worker) its entry points do nothing."""

measuring.gauge("connections_active", "Sockets that are open.", lambda: len(hub.sockets))
measuring.gauge("connections_peak", "The most there were at once, of each process since its start.", lambda: hub.peak)
measuring.gauge("people_online", "People with an open socket, in all processes.", _people, largest=True)
measuring.gauge(
    "connections_choked", "Sockets whose client does not read as fast as it is told.", lambda: len(hub.choked)
)
measuring.gauge("conversations_followed", "Conversations with a socket that follows them.", lambda: len(hub.feeds))
