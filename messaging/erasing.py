"""What somebody said goes when they are erased, and their name wherever else it stands.

Their messages become tombstones as if they had deleted them: numbers and counts stay, and the id of the sender, which
is part of what every seal covers. Reactions go, and files. Events that told of them as a member are sealed anew without
their name. What others wrote stays theirs, whomever it names.

In conversations of a clinic what was said stays, unless `User.records_erased` (`accounts.services.erase_user`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import audit
from accounts.models import LoginSession, User
from attachments.models import Attachment
from audit.erasing import erase_details
from core.actor import SYSTEM
from core.errors import LegalHold, Shredded
from core.jobs import enqueue
from core.time import now
from encryption.formats import Undecryptable
from messaging import querysets
from messaging.models import Conversation, Membership, Message, Reaction
from messaging.models.conversation import Kind
from messaging.removal.pace import Pace
from messaging.services.messages import erase
from realtime import streams
from realtime.models import Event, Stream
from retention.holds import held_conversations

_BATCH = 100
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
    enqueue("messaging.erase_person", user_id=user_id)


def erase_what_they_said(user_id: UUID) -> Erased:
    """Erase it, batch by batch; returns how much that was. A repeat, or one after a death half way, does what is left.

    Of somebody who was not erased nothing. Raises LegalHold in the end when something had to be left, because a hold
    was placed meanwhile: once more when it is lifted.
    """
    done, pace, held = Erased(), Pace(), False
    user = User.objects.filter(pk=user_id, erased_at__isnull=False).first()
    if user is None:
        return done
    for conversation in _conversations(user_id):
        keeps = conversation.kind == Kind.CLINICAL and not user.records_erased
        for step in (_names, _files) if keeps else (_messages, _reactions, _names, _files):
            while (more := _once(pace, user, conversation.id, step, done)) is not False:
                pace.rest()
                if more is None:
                    held = True
                    break
    sessions = LoginSession.objects.filter(user=user_id).values_list("id", flat=True)
    done.details = erase_details({user_id, *sessions}, naming=_NAMING, actor=SYSTEM)
    if held:
        raise LegalHold()
    return done


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
