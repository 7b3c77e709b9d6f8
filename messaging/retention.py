"""How long what is said is kept, and what is kept for good.

The order matters: what a rule would take away is counted before a run as it is found in it, so whatever depends on what
another rule takes away comes before that one, and goes with the next run.
"""

from collections.abc import Iterator
from datetime import timedelta

from core.retention import RetentionRule, Schedule, Scope, keep
from messaging.models.conversation import ROOMS
from messaging.models.message import Type
from messaging.removal import conversations, events, leftovers, messages, reports
from messaging.removal.due import DELETED

TEXT = timedelta(days=2557)
"""Seven years, of which two or one are leap years: clinical records of adults in most places."""

VOICE = timedelta(days=1096)
ROOM = timedelta(days=365)
DELETED_FOR = timedelta(days=90)
"""How long the place of a deleted message is kept; its text went when it was deleted."""

REPORTS = timedelta(days=2192)
"""Six years, as the audit log's details: what moderators decided can be asked for so long."""


def _messages(scope: Scope) -> timedelta:
    if scope.state == DELETED:
        return DELETED_FOR
    if scope.conversation_kind in ROOMS:
        return ROOM
    return VOICE if scope.message_type == Type.VOICE else TEXT


def _events(scope: Scope) -> timedelta:
    return ROOM if scope.conversation_kind in ROOMS else TEXT


def _remove_messages(schedule: Schedule) -> Iterator[None]:
    """And in the end what depended on them: theirs, and of whatever other rules took away."""
    yield from messages.remove_due(schedule)
    yield from leftovers.settle()


RetentionRule(
    "messaging.events",
    title="Contents of events that are no messages",
    covers=("realtime.Event",),
    keep_for=_events,
    scopes=("conversation_kind", "course_id"),
    due=events.count_due,
    purge=events.blank_due,
)
RetentionRule(
    "messaging.deleted_conversations",
    title="Deleted conversations in which nothing is left",
    covers=(
        "messaging.Conversation",
        "messaging.Membership",
        "messaging.RoomWord",
        "messaging.WatermarkMove",
        "realtime.Stream",
    ),
    keep_for=DELETED_FOR,
    due=conversations.count_due,
    purge=conversations.remove_due,
)
RetentionRule(
    "messaging.reports",
    title="Settled reports",
    covers=("messaging.Report", "messaging.ReportNote", "messaging.ReportAction"),
    keep_for=REPORTS,
    due=reports.count_due,
    purge=reports.remove_due,
)
RetentionRule(
    "messaging.messages",
    title="Messages",
    covers=("messaging.Message", "messaging.MessageEdit", "messaging.Mention", "messaging.Reaction"),
    keep_for=_messages,
    scopes=("conversation_kind", "course_id", "message_type", "state"),
    due=messages.count_due,
    purge=_remove_messages,
)

keep(
    "messaging.RemovedMessage",
    "The place of a message that was removed, without anything it said: replays and the audit log need it.",
)
