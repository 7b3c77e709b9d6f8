"""Looking at a file, and getting a link by which it is opened. Each is recorded before anything is given out."""

from datetime import datetime, timedelta
from typing import NamedTuple

import audit
from attachments.details import open_details
from attachments.models import Attachment
from attachments.refusals import Altered, NoThumbnail
from attachments.serving import links
from attachments.serving.links import LIFETIME, Link
from core.actor import Actor
from core.errors import Forbidden
from core.time import now
from encryption.formats import Undecryptable


class MadeLink(NamedTuple):
    """An address for whoever asked, and when it ends."""

    url: str
    expires_at: datetime


def view_file(*, actor: Actor, subject: Attachment) -> Attachment:
    """What is told of a file: its name says as much as a message."""
    with audit.transaction():
        _record_view(actor, subject, "details")
    return subject


def make_link(
    *, actor: Actor, subject: Attachment, thumbnail: bool = False, disposition: str = links.ATTACHMENT
) -> MadeLink:
    """An address that opens the file for this person in this session, for at most five minutes.

    Raises NoThumbnail, Altered when the file's description cannot be opened (recorded), Shredded.
    """
    if actor.session_id is None:
        raise Forbidden("A link belongs to a session.", subject_id=subject.id)
    if thumbnail and (subject.thumbnail_key is None or _thumbnail_size(actor, subject) is None):
        raise NoThumbnail
    expires_at = now() + timedelta(seconds=LIFETIME)
    link = Link(subject.id, actor.id, actor.session_id, expires_at, disposition == links.INLINE, thumbnail)
    with audit.transaction():
        _record_view(actor, subject, "link")
    return MadeLink(links.address(link), expires_at)


def _thumbnail_size(actor: Actor, subject: Attachment) -> int | None:
    try:
        return open_details(subject).thumbnail_size
    except Undecryptable:
        record_unreadable(actor, subject)
        raise Altered from None


def record_unreadable(actor: Actor, subject: Attachment) -> None:
    """Somebody met a file that was altered: in its row, or in the storage."""
    with audit.transaction():
        audit.record(
            "file.unreadable",
            actor=actor,
            object_id=subject.id,
            conversation_id=subject.conversation_id,
            reason="undecryptable",
        )


def _record_view(actor: Actor, subject: Attachment, reason: str) -> None:
    audit.record(
        "file.viewed", actor=actor, object_id=subject.id, conversation_id=subject.conversation_id, reason=reason
    )
