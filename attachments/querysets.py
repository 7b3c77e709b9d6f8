"""Files: which ones somebody may have, and nothing else is read for a person."""

from uuid import UUID

from attachments import wiring
from attachments.models import SHOWN, Attachment
from core.errors import NotFound


def visible_attachment(user_id: UUID, attachment_id: UUID) -> Attachment:
    """A file of a message this person may see now, or one of their own that is not sent yet, in a conversation they
    are in; raises NotFound. What is gone, or never arrived, is not there for anybody."""
    found = Attachment.objects.filter(id=attachment_id, status__in=SHOWN, gone_at=None).first()
    if found is None or not _may_have(user_id, found):
        raise NotFound(subject_id=attachment_id)
    return found


def _may_have(user_id: UUID, attachment: Attachment) -> bool:
    if attachment.message_id is None:
        return attachment.owner_id == user_id and wiring.is_member(user_id, attachment.conversation_id)
    # Which message a file belongs to stands in a column that is bound to nothing. Whoever writes another message there
    # gives the file to nobody outside of its own conversation.
    return wiring.may_see_message(user_id, attachment.message_id, attachment.conversation_id)
