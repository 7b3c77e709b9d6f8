"""What was said about a patient, wherever it was said."""

from uuid import UUID

from django.db.models import Q

from core.time import now
from messaging.querysets.messages import visible_messages
from messaging.rows import MESSAGE_FIELDS, MessageRow


def messages_about(user_id: UUID, record_id: UUID, before: UUID | None, most: int) -> list[MessageRow]:
    """Up to `most` messages linked to a patient record, the newest first, from behind the message `before` on.

    Those this person may see. What was deleted or has expired speaks of nobody any more.
    """
    living = Q(deleted_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now()))
    linked = visible_messages(user_id).filter(living, patient_record=record_id)
    if before is not None:
        linked = linked.filter(id__lt=before)
    rows = linked.order_by("-id").values_list(*MESSAGE_FIELDS)
    return list(map(MessageRow._make, rows[:most]))
