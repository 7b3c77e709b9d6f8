"""What nobody stores, worked out once more: unread messages, mentions and watermarks, for `verify_counters`.

Counted by walking through rows and comparing them here, so that a mistake in the queries of the product cannot repeat
itself; those are asked besides, for every member. Members are read in the order of their conversations, each of which
is walked through once, from the first message that somebody there has not read. So memory follows
the members of one conversation, and time what is unread.

The server may work meanwhile: what looks wrong is looked at again, and counts when it was wrong twice while nothing
moved.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from core.time import now
from core.verifying import Findings
from messaging import querysets
from messaging.models import Membership, Mention, Message, WatermarkMove
from messaging.models.conversation import ROOMS
from messaging.models.membership import Watermark
from messaging.rows import Counts, first_seq

_LOOKS = 6
_CHUNK = 1000


@dataclass(frozen=True)
class Problem:
    """What does not agree, in one sentence, and about whose stay in which conversation."""

    what: str
    conversation: str
    user: str
    membership: str


@dataclass
class Report(Findings[Problem]):
    """What was found."""

    conversations: int = 0
    memberships: int = 0


class _Stay(NamedTuple):
    """A stay, and of its conversation what it is measured by. The fields are in the order of `_FIELDS`."""

    id: UUID
    conversation_id: UUID
    user_id: UUID
    joined_seq: int
    left_seq: int | None
    until: datetime | None
    delivered_seq: int
    delivered_at: datetime | None
    read_seq: int
    read_at: datetime | None
    kind: str
    history: str
    deleted_at: datetime | None
    head_seq: int

    @property
    def lasts(self) -> bool:
        over = self.until is not None and self.until <= now()
        return self.left_seq is None and self.deleted_at is None and not over

    @property
    def floor(self) -> int:
        """The last number of which nothing is unread: read, or before what they may see."""
        return max(self.read_seq, first_seq(self.history, self.joined_seq) - 1)

    @property
    def watermarks(self) -> dict[str, tuple[int, datetime | None]]:
        delivered, read = (self.delivered_seq, self.delivered_at), (self.read_seq, self.read_at)
        return {Watermark.DELIVERED.value: delivered, Watermark.READ.value: read}


_FIELDS = (
    "id",
    "conversation_id",
    "user_id",
    "joined_seq",
    "left_seq",
    "until",
    "delivered_seq",
    "delivered_at",
    "read_seq",
    "read_at",
    "conversation__kind",
    "conversation__history",
    "conversation__deleted_at",
    "conversation__stream__head_seq",
)


def verify() -> Report:
    """Check every stay there is or was."""
    report, begin = Report(), time.monotonic()
    stays = _stays().order_by("conversation_id", "id").iterator()
    for _, of_one in groupby(map(_Stay._make, stays), attrgetter("conversation_id")):
        together = list(of_one)
        report.conversations += 1
        report.memberships += len(together)
        for suspect in _suspects(together):
            for problem in _confirmed(suspect):
                report.add(problem)
    report.seconds = time.monotonic() - begin
    return report


def _stays() -> Any:
    return Membership.objects.values_list(*_FIELDS)


def _suspects(stays: Sequence[_Stay]) -> Iterator[UUID]:
    """Ids of those stays of one conversation about which something does not agree."""
    counted = _counted([stay for stay in stays if stay.lasts])
    for stay in stays:
        if any(_wrong(stay, counted)):
            yield stay.id


def _confirmed(stay_id: UUID) -> list[Problem]:
    """What is wrong with this stay, unless it or its conversation changes all the time, which only a server does."""
    agreed = 0
    for _ in range(_LOOKS):
        before = _stay(stay_id)
        wrong = list(_wrong(before, _counted([before] if before.lasts else [])))
        if not wrong:
            return []
        agreed += before == _stay(stay_id)
        if agreed == 2:  # once could be a message that has just expired
            ids = str(before.conversation_id), str(before.user_id), str(before.id)
            return [Problem(what, *ids) for what in wrong]
    return []


def _stay(stay_id: UUID) -> _Stay:
    return _Stay._make(_stays().get(id=stay_id))


def _wrong(stay: _Stay, counted: dict[UUID, Counts]) -> Iterator[str]:
    """What does not agree, each in a sentence."""
    yield from _wrong_watermarks(stay)
    yield from _wrong_moves(stay)
    if stay.user_id in counted and stay.lasts:
        yield from _wrong_counts(counted[stay.user_id], _said(stay))


def _wrong_watermarks(stay: _Stay) -> Iterator[str]:
    end = stay.head_seq if stay.left_seq is None else stay.left_seq
    if end > stay.head_seq:
        yield f"The stay ends at {end}, and the last event is {stay.head_seq}."
    if stay.read_seq > stay.delivered_seq:
        yield f"Read up to {stay.read_seq}, and delivered only up to {stay.delivered_seq}."
    for name, (seq, _) in stay.watermarks.items():
        if seq and not stay.joined_seq <= seq <= end:
            yield f"{name.capitalize()} up to {seq}, in a stay from {stay.joined_seq} to {end}."


def _wrong_moves(stay: _Stay) -> Iterator[str]:
    """Each watermark stands where its last move put it, and none ever moved back."""
    last: dict[str, tuple[int, datetime | None]] = {}
    moves = WatermarkMove.objects.filter(membership=stay.id).order_by("id").values_list("watermark", "seq", "at")
    for name, seq, at in moves.iterator():
        if stay.kind in ROOMS:
            yield "A move of a watermark is kept in a room."
            return
        if seq <= last.get(name, (0, None))[0]:
            yield f"{name.capitalize()} moved back to {seq}."
        last[name] = seq, at
    if stay.kind not in ROOMS:
        yield from _wrong_ends(stay, last)


def _wrong_ends(stay: _Stay, last: dict[str, tuple[int, datetime | None]]) -> Iterator[str]:
    for name, stands in stay.watermarks.items():
        moved = last.get(name)
        if moved is None and stands[0] not in {0, stay.joined_seq}:
            yield f"{name.capitalize()} up to {stands[0]}, without a move."
        if moved is not None and moved != stands:
            yield f"{name.capitalize()} up to {stands[0]}, and the last move was to {moved[0]}."


def _wrong_counts(counted: Counts, said: Counts) -> Iterator[str]:
    if counted.unread != said.unread:
        yield f"{counted.unread} messages are unread, and the server says {said.unread}."
    if counted.mentions != said.mentions:
        yield f"{counted.mentions} unread messages mention them, and the server says {said.mentions}."


def _said(stay: _Stay) -> Counts:
    """What the list of conversations tells them."""
    rows = querysets.conversation_rows(stay.user_id, [stay.conversation_id])
    return Counts(rows[0].unread_count, rows[0].mention_count) if rows else Counts(0, 0)


def _counted(stays: Sequence[_Stay]) -> dict[UUID, Counts]:
    """What these present members of one conversation have not read, by user."""
    unread: Counter[UUID] = Counter()
    mentions: Counter[UUID] = Counter()
    behind = {stay.user_id: stay.floor for stay in stays if stay.floor < stay.head_seq}
    lowest = min(behind.values(), default=0)
    for seq, sender_id, named, everybody in _living(stays[0].conversation_id, lowest) if behind else ():
        for user_id, floor in behind.items():
            if seq > floor and user_id != sender_id:
                unread[user_id] += 1
                mentions[user_id] += everybody or user_id in named
    most = querysets.MOST_COUNTED
    return {s.user_id: Counts(min(unread[s.user_id], most), min(mentions[s.user_id], most)) for s in stays}


def _living(conversation_id: UUID, lowest: int) -> Iterator[tuple[int, UUID, set[UUID], bool]]:
    """(seq, sender, whom it names, whether it names everybody) of messages above `lowest` that are not gone."""
    fields = "id", "seq", "sender_id", "deleted_at", "expires_at", "mentions_all"
    messages = Message.objects.filter(conversation=conversation_id, seq__gt=lowest).order_by("seq").values_list(*fields)
    for chunk in _chunks(messages.iterator()):
        named = _named([id_ for id_, *_ in chunk])
        for id_, seq, sender_id, deleted_at, expires_at, everybody in chunk:
            if deleted_at is None and (expires_at is None or expires_at > now()):
                yield seq, sender_id, named.get(id_, set()), everybody


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _named(message_ids: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    found: dict[UUID, set[UUID]] = {}
    for message_id, user_id in Mention.objects.filter(message__in=message_ids).values_list("message_id", "user_id"):
        found.setdefault(message_id, set()).add(user_id)
    return found
