"""How long a file waits for its message. Files that were sent live as long as that: messaging removes both together."""

from attachments.sweeping import UNCLAIMED_FOR, count_unclaimed, discard_unclaimed
from core.retention import RetentionRule

RetentionRule(
    "attachments.unsent",
    title="Files that were never sent",
    covers=("attachments.Attachment",),
    keep_for=UNCLAIMED_FOR,
    due=count_unclaimed,
    purge=discard_unclaimed,
)
