"""Measures in the conversation: the message is hidden, the person muted or banned there.

Moderators of the deployment are no members: what they may do follows from the report, not from a seat. What they do
is told to the conversation by the same numbered events as if its owner had done it.
"""

from uuid import UUID

import audit
from core.actor import Actor
from core.errors import Conflict, Gone
from messaging import moderating, querysets
from messaging.models import Membership, Report
from messaging.models.report import Deed
from messaging.services.holding import keep_row
from messaging.services.messages import erase
from messaging.services.moderation.cases import act
from messaging.services.seating import pass_on_ownership, tell_update, unseat
from realtime import streams
from realtime.models import Stream


def hide_message(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """The message is deleted for everybody, as its sender or an owner would delete it; the evidence stays.

    Raises Gone when retention has removed it, LegalHold while its conversation must be kept.
    """

    def hide(report: Report) -> bool:
        stream = _stream_of(report)
        keep_row(report.message_id)
        row = querysets.messages_by_id([report.message_id]).get(report.message_id)
        if row is None:
            raise Gone("The message is not there any more.")
        if row.is_gone:
            return False
        erase(actor, stream, row)
        return True

    return act(actor, report_id, version, Deed.HIDDEN, hide)


def mute_member(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """The person reads on and writes nothing more in this conversation, until somebody lets them: a moderator, or in a
    room its owner. Raises Conflict when they are in it no more."""
    return _set_muted(actor, report_id, version, Deed.MUTED, True)


def unmute_member(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """They may write there again."""
    return _set_muted(actor, report_id, version, Deed.UNMUTED, False)


def ban_member(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """The person's stay in the room ends and they cannot come back, nor be added, until the ban is lifted.

    Where they were its only owner, somebody else becomes one: its longest-serving moderator, else its longest-serving
    member. Raises Forbidden for conversations that are no rooms.
    """

    def ban(report: Report) -> bool:
        stream, stay = _stay_under_lock(actor, report)
        moderating.can_ban(report.conversation.kind)
        if stay.is_blocked:
            return False
        if stay.left_seq is None:
            pass_on_ownership(actor, stream, stay)
            unseat(actor, stream, [stay], "removed", is_blocked=True)
        else:
            _set_blocked(stay, True)
        _record_ban(actor, stay, "member.banned")
        return True

    return act(actor, report_id, version, Deed.BANNED, ban)


def lift_ban(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """They may come back, as anybody may who has left."""

    def lift(report: Report) -> bool:
        _, stay = _stay_under_lock(actor, report)
        if not stay.is_blocked:
            return False
        _set_blocked(stay, False)
        _record_ban(actor, stay, "member.unbanned")
        return True

    return act(actor, report_id, version, Deed.UNBANNED, lift)


def _set_muted(actor: Actor, report_id: UUID, version: int, deed: Deed, is_muted: bool) -> Report:
    def change(report: Report) -> bool:
        stream, stay = _stay_under_lock(actor, report)
        if stay.left_seq is not None:
            raise Conflict("They are not in this conversation any more.")
        if stay.is_muted == is_muted:
            return False
        tell_update(actor, stream, stay, is_muted=is_muted)
        return True

    return act(actor, report_id, version, deed, change)


def _stream_of(report: Report) -> Stream:
    return streams.lock([report.conversation_id])[report.conversation_id]


def _stay_under_lock(actor: Actor, report: Report) -> tuple[Stream, Membership]:
    moderating.can_take_measures(actor, report.author)
    stream = _stream_of(report)
    stay = querysets.last_stays(report.conversation_id, [report.author_id]).get(report.author_id)
    if stay is None or not querysets.alive([report.conversation_id]):
        raise Conflict("There is no such conversation of theirs any more.")
    return stream, stay


def _set_blocked(stay: Membership, is_blocked: bool) -> None:
    stay.is_blocked = is_blocked
    stay.save(update_fields=["is_blocked"])


def _record_ban(actor: Actor, stay: Membership, action: str) -> None:
    audit.record(action, actor=actor, object_id=stay.user_id, conversation_id=stay.conversation_id)
