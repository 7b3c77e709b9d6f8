"""Taking back a file before it is sent."""

import audit
from attachments.models import Attachment
from core.actor import Actor
from core.errors import Conflict
from core.time import now
from retention.holds import require_not_held


def discard_file(*, actor: Actor, subject: Attachment) -> None:
    """From its commit on it is not there for anybody; a job removes what is stored of it. Raises Conflict when it was
    sent or discarded in the meantime, LegalHold while something of its conversation must stay."""
    with audit.transaction():
        require_not_held(subject.conversation_id)
        unsent = Attachment.objects.filter(id=subject.id, message_id=None, gone_at=None)
        if not unsent.update(gone_at=now()):
            raise Conflict("The file has just been sent, or discarded.")
        audit.record("file.discarded", actor=actor, object_id=subject.id, conversation_id=subject.conversation_id)
