"""What somebody said goes when they are erased, and their name wherever else it stands.

Their messages become tombstones as if they had deleted them: numbers and counts stay, and the id of the sender, which
is part of what every seal covers. So do messages of the server that repeat their words or say their name. Reactions go,
and files. Events that told of them as a member are sealed anew without their name. What others wrote stays theirs,
whomever it names. A room that they alone owned gets another owner.

In conversations of a clinic what was said stays, unless `User.records_erased` (`accounts.services.erase_user`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import audit
from accounts.models import LoginSession, User
from attachments.models import Attachment
from audit.erasing import erase_details
from core.actor import SYSTEM, SYSTEM_ID
from core.errors import LegalHold, Shredded
from core.jobs import enqueue
from core.models import Task, TaskState
from core.time import now
from encryption.formats import Undecryptable
from messaging import querysets
from messaging.bodies import open_body
from messaging.models import Conversation, Membership, Message, Reaction
from messaging.models.conversation import ROOMS, Kind
from messaging.removal.pace import Pace
from messaging.rows import MessageRow
from messaging.services.messages import erase
from messaging.services.seating import pass_on_ownership
from realtime import streams
from realtime.models import Event, Stream
from retention.holds import held_conversations, not_held, require_person_not_held

ERASE_PERSON = "messaging.erase_person"

_BATCH = 100
_AGAIN = timedelta(days=1)
"""Until it is tried again what a hold forbids: each time may read the whole audit log."""

_ABOUT_MEMBERS = ("member:joined", "member:updated")

_NAMING = ("cover.arranged", "hold.lifted", "hold.placed", "report.acted", "report.noted", "report.opened")
"""Entries whose details can hold the id of somebody that they are not about in the first place."""


@dataclass
class Erased:
    """How much of somebody has gone."""

    messages: int = 0
    reactions: int = 0
    files: int = 0
    details: int = 0


def follow(user_id: UUID) -> None:
    """Have a worker do it. Handed to accounts."""
    enqueue(ERASE_PERSON, user_id=user_id)


def erase_or_wait(user_id: UUID) -> None:
    """The worker's part. What a hold keeps is tried again each day for as long as the hold lasts, which may be years:
    it is never given up."""
    try:
        erase_what_they_said(user_id)
    except LegalHold:
        waiting = Task.objects.filter(name=ERASE_PERSON, state=TaskState.WAITING, payload__user_id=str(user_id))
        if not waiting.exists():
            enqueue(ERASE_PERSON, delay=_AGAIN, user_id=user_id)


def erase_what_they_said(user_id: UUID) -> Erased:
    """Erase it, batch by batch; returns how much that was. A repeat, or one after a death half way, does what is left.

    Of somebody who was not erased nothing. Raises LegalHold in the end when something had to be left, because a hold
    was placed meanwhile or is on somebody of whom the log tells in the same entries: once more when it is lifted.
    """
    done, pace, held = Erased(), Pace(), False
    user = User.objects.filter(pk=user_id, erased_at__isnull=False).first()
    if user is None:
        return done
    for conversation in _conversations(user_id):
        keeps = conversation.kind == Kind.CLINICAL and not user.records_erased
        for step in _KEPT if keeps else _ALL:
            while (more := _once(pace, user, conversation.id, step, done)) is not False:
                pace.rest()
                if more is None:
                    held = True
                    break
    if held:
        raise LegalHold()
    done.details = _erase_details(user_id)
    return done


def _erase_details(user_id: UUID) -> int:
    sessions = LoginSession.objects.filter(user=user_id).values_list("id", flat=True)
    about, may_go = {user_id, *sessions}, partial(require_person_not_held, user_id)
    return erase_details(about, naming=_NAMING, actor=SYSTEM, freeze=may_go, not_held=not_held)


def _conversations(user_id: UUID) -> Iterator[Conversation]:
    """Every one in which they ever had a stay."""
    stays = Membership.objects.filter(user=user_id).values("conversation_id")
    return Conversation.objects.filter(pk__in=stays).order_by("pk").defer("details").iterator()


Step = Callable[[User, Stream, Erased], bool]


def _once(pace: Pace, user: User, conversation_id: UUID, step: Step, done: Erased) -> bool | None:
    """One transaction of this step; whether there may be more to do, None when it is held."""
    with pace.work(), audit.transaction():
        stream = streams.lock([conversation_id]).get(conversation_id)
        if stream is None:  # removed meanwhile
            return False
        if held_conversations([conversation_id]):
            return None
        return step(user, stream, done)


def _messages(user: User, stream: Stream, done: Erased) -> bool:
    theirs = Message.objects.filter(conversation=stream.id, sender=user.id, deleted_at=None)
    ids = list(theirs.order_by("seq").values_list("id", flat=True)[:_BATCH])
    for row in sorted(querysets.messages_by_id(ids).values(), key=lambda row: row.seq):
        done.files += Attachment.objects.filter(message_id=row.id, gone_at=None).count() if row.has_files else 0
        erase(SYSTEM, stream, row)
        done.messages += 1
    return bool(ids)


def _said_for_them(user: User, stream: Stream, done: Erased) -> bool:
    """What the server said in their words or with their name."""
    of_server = Message.objects.filter(conversation=stream.id, sender=SYSTEM_ID, deleted_at=None)
    ids = list(of_server.order_by("seq").values_list("id", flat=True))
    for start in range(0, len(ids), _BATCH):
        rows = querysets.messages_by_id(ids[start : start + _BATCH]).values()
        for row in sorted((row for row in rows if user.id in _about(row)), key=lambda row: row.seq):
            erase(SYSTEM, stream, row)
            done.messages += 1
    return False


def _about(row: MessageRow) -> tuple[UUID, ...]:
    try:
        return open_body(row).about
    except (Undecryptable, Shredded):
        return ()  # What nobody can open names nobody.


def _reactions(user: User, stream: Stream, done: Erased) -> bool:
    theirs = Reaction.objects.filter(user=user.id, message__conversation=stream.id)
    some = list(theirs.order_by("id").values_list("id", "message_id", "emoji")[:_BATCH])
    told = [{"messageId": message_id, "emoji": emoji, "userId": user.id} for _, message_id, emoji in some]
    streams.append([streams.NewEvent(stream, "reaction:remove", SYSTEM.id, data=data) for data in told])
    for _, message_id, _ in some:
        audit.record("reaction.removed", actor=SYSTEM, object_id=message_id, conversation_id=stream.id)
    Reaction.objects.filter(id__in=[id_ for id_, _, _ in some]).delete()
    done.reactions += len(some)
    return bool(some)


def _names(user: User, stream: Stream, done: Erased) -> bool:
    """Who was replayed such an event by its number still is: it says who came and not what they were called."""
    events = Event.objects.filter(stream=stream.id, kind__in=_ABOUT_MEMBERS, body__isnull=False)
    for event in events.order_by("seq").iterator():
        data = _opened(event)
        nameless = {**data, "username": user.username, "displayName": None}
        if data.get("userId") == str(user.id) and data != nameless:
            Event.objects.filter(id=event.id).update(body=streams.seal_anew(event, nameless))
    return False


def _opened(event: Event) -> dict[str, Any]:
    try:
        return streams.open_body(event)
    except (Undecryptable, Shredded):
        return {}  # What nobody can open names nobody.


def _files(user: User, stream: Stream, done: Erased) -> bool:
    """Those that were not sent: the others go with their messages."""
    theirs = Attachment.objects.filter(conversation_id=stream.id, owner=user.id, message_id=None, gone_at=None)
    ids = list(theirs.select_for_update().values_list("id", flat=True))
    for id_ in ids:
        audit.record("file.discarded", actor=SYSTEM, object_id=id_, conversation_id=stream.id, reason="erased")
    Attachment.objects.filter(id__in=ids).update(gone_at=now())
    done.files += len(ids)
    return False


def _rooms(user: User, stream: Stream, done: Erased) -> bool:
    """Nobody could rename a room without an owner, let anybody in or remove anybody."""
    stay = querysets.last_stays(stream.id, [user.id]).get(user.id)
    if stay is not None and stay.left_seq is None and stay.conversation.kind in ROOMS:
        pass_on_ownership(SYSTEM, stream, stay)
    return False


_KEPT: tuple[Step, ...] = (_names, _files)
"""Where what was said stays."""

_ALL: tuple[Step, ...] = (_messages, _said_for_them, _reactions, _rooms, _names, _files)
