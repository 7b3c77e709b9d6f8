"""What moderators do with reports. Each takes the version of the report that the moderator has seen.

Everything is decided under the lock of the report: of two moderators at once the second gets a Conflict and looks at
what the first did; the same moderator's repeat of the same thing does nothing. Every step leaves a row among the
report's actions and an entry in the audit log, in its transaction; what is done to people and messages leaves its own
entries besides, by the moderator.
"""

from messaging.services.moderation.closing import LONGEST_NOTE, add_note, dismiss
from messaging.services.moderation.evidence import Evidence, Note, open_evidence
from messaging.services.moderation.measures import ban_member, hide_message, lift_ban, mute_member, unmute_member
from messaging.services.moderation.suspending import reinstate_user, suspend_user
from messaging.services.moderation.viewing import Overview, record_list_viewed, view_report
from messaging.services.moderation.warning import LONGEST_ADDITION, warn

__all__ = [
    "LONGEST_ADDITION",
    "LONGEST_NOTE",
    "Evidence",
    "Note",
    "Overview",
    "add_note",
    "ban_member",
    "dismiss",
    "hide_message",
    "lift_ban",
    "mute_member",
    "open_evidence",
    "record_list_viewed",
    "reinstate_user",
    "suspend_user",
    "unmute_member",
    "view_report",
    "warn",
]
