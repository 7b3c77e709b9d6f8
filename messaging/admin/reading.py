"""How a report reads on its page: words for codes, what may be done about it, and the evidence for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from accounts.models import User
from core.time import now
from messaging.models import Message, Report
from messaging.models.conversation import Kind
from messaging.models.report import Deed, Outcome, Reason, State
from messaging.services import moderation

LONGEST_VERSION = 9
"""Digits."""

REASONS = {
    Reason.SPAM.value: "spam",
    Reason.HARASSMENT.value: "harassment",
    Reason.THREAT.value: "a threat",
    Reason.SELF_HARM.value: "self-harm",
    Reason.PRIVACY.value: "a breach of privacy",
    Reason.OTHER.value: "something else",
}

KINDS = {
    Kind.CLINICAL.value: "a clinical conversation",
    Kind.DIRECT.value: "a direct conversation",
    Kind.GROUP.value: "a group",
    Kind.PUBLIC.value: "a public room",
    Kind.PRIVATE.value: "a private room",
    Kind.COURSE.value: "the room of a course",
    Kind.STUDY_GROUP.value: "a study group",
}

_STANDING = {
    State.OPEN.value: "Open",
    Outcome.DISMISSED.value: "Dismissed",
    Outcome.WARNED.value: "Warned",
    Outcome.HIDDEN.value: "Message hidden",
    Outcome.MUTED.value: "Muted",
    Outcome.BANNED.value: "Banned",
    Outcome.SUSPENDED.value: "Suspended",
}

DONE = {
    Deed.DISMISSED.value: "The report was dismissed.",
    Deed.WARNED.value: "The person was warned.",
    Deed.HIDDEN.value: "The message is hidden from everybody.",
    Deed.MUTED.value: "The person was muted in this conversation.",
    Deed.UNMUTED.value: "The person may write in this conversation again.",
    Deed.BANNED.value: "The person was banned from this conversation.",
    Deed.UNBANNED.value: "The ban was lifted.",
    Deed.SUSPENDED.value: "The account is suspended; its connections were closed.",
    Deed.REINSTATED.value: "The person can sign in again.",
}

_FILE_SIZES = ("bytes", "KiB", "MiB", "GiB")


class Measure(NamedTuple):
    """A button, and what stands beside it."""

    deed: str
    label: str
    effect: str
    is_grave: bool = False
    asks: str = ""
    longest: int = 0


_MEASURES = (
    Measure("dismissed", "Dismiss the report", "Nothing is wrong with the message. Nobody is told."),
    Measure(
        "warned",
        "Warn the person",
        "They get a message of the server, in which they cannot write back. Who reported is not in it.",
        asks="In your own words (may be left empty; do not name who reported)",
        longest=moderation.LONGEST_ADDITION,
    ),
    Measure(
        "hidden",
        "Hide the message",
        "It is deleted for everybody, with its files; the evidence here stays. This cannot be undone.",
        is_grave=True,
    ),
    Measure(
        "muted",
        "Mute in this conversation",
        "They read on, and cannot write there until somebody lets them speak again.",
    ),
    Measure("unmuted", "Let them speak again", "They may write in this conversation again."),
    Measure("banned", "Ban from this room", "They are out at once and cannot come back until the ban is lifted.", True),
    Measure("unbanned", "Lift the ban", "They may come back, as anybody who has left."),
    Measure(
        "suspended",
        "Suspend the account",
        "They can do nothing at all: their connections close at once and they cannot sign in.",
        is_grave=True,
    ),
    Measure("reinstated", "Reinstate the account", "They can sign in again. What else was done stays."),
)


class Line(NamedTuple):
    """One message of the evidence, as it was when it was reported."""

    is_reported: bool
    by: str
    at: datetime
    text: str | None
    problem: str
    files: list[str]


class Opened(NamedTuple):
    """The evidence as it is shown."""

    lines: list[Line]
    note: str
    notes: Sequence[moderation.Note]
    problem: str


def measures(overview: moderation.Overview) -> list[Measure]:
    """Those that make sense, the mildest first."""
    return [one for one in _MEASURES if Deed(one.deed) in overview.possible]


def standing(report: Report) -> str:
    return _STANDING[report.outcome or report.state]


def state_of(message: Message | None) -> str:
    """What has become of the message that was reported."""
    if message is None:
        return "removed by retention"
    if message.deleted_at is not None:
        return "deleted"
    if message.expires_at is not None and message.expires_at <= now():
        return "expired"
    return "edited since it was sent" if message.edited_at is not None else "there, as it was sent"


def ago(moment: datetime) -> str:
    """How long ago, in one number: moderators look for what waits longest."""
    minutes = int((now() - moment).total_seconds()) // 60
    for size, name in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if (count := minutes // size) > 0:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def evidence(opened: moderation.Evidence, report: Report) -> Opened:
    lines = [_line(wire, opened.people, str(report.message_id)) for wire in opened.messages]
    return Opened(lines, opened.note, opened.notes, _PROBLEMS.get(opened.error, ""))


_PROBLEMS = {
    "undecryptable": "This cannot be opened: it was altered, or does not belong here. Tell whoever runs this server.",
    "shredded": "The key of this conversation was destroyed, and the evidence with it.",
}


def _line(wire: Mapping[str, Any], people: Mapping[str, User], reported: str) -> Line:
    user = people.get(wire["senderId"])
    return Line(
        is_reported=wire["id"] == reported,
        by=wire["senderId"] if user is None else _called(user),
        at=datetime.fromisoformat(wire["createdAt"]),
        text=wire["content"],
        problem=_PROBLEMS.get(wire.get("contentError", ""), ""),
        files=[_file(one) for one in wire["attachments"]],
    )


def _called(user: User) -> str:
    return f"{user.display_name} ({user.username})" if user.display_name else user.username


def _file(wire: Mapping[str, Any]) -> str:
    if wire["name"] is None:
        return "a file that could not be opened"
    size, unit = float(wire["size"]), 0
    while size >= 1024 and unit < len(_FILE_SIZES) - 1:
        size, unit = size / 1024, unit + 1
    return f"{wire['name']} ({wire['mimeType']}, {size:.0f} {_FILE_SIZES[unit]})"
