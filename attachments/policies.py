"""Who may do what with a file they can see. That they can see it is decided by `querysets.visible_attachment`."""

from attachments.models import Attachment, Status
from attachments.refusals import BlockedFile, ScanPending
from core.actor import Actor
from core.errors import Forbidden


def may_open(actor: Actor, attachment: Attachment) -> None:
    """Only what was found clean is opened, its owner's own too. Raises ScanPending or BlockedFile."""
    if attachment.status == Status.SCANNING:
        raise ScanPending
    if attachment.status != Status.CLEAN:
        raise BlockedFile(subject_id=attachment.id, conversation_id=attachment.conversation_id)


def may_discard(actor: Actor, attachment: Attachment) -> None:
    """Their own, and only before it is sent: what was sent goes with its message. Raises Forbidden."""
    if attachment.owner_id != actor.id or attachment.message_id is not None:
        raise Forbidden(
            "A file that was sent goes with its message.",
            subject_id=attachment.id,
            conversation_id=attachment.conversation_id,
        )
