"""What staff see of messaging in the admin: never what people wrote, but for the evidence of a report."""

from messaging.admin.conversations import ConversationAdmin
from messaging.admin.memberships import MembershipAdmin
from messaging.admin.messages import MessageAdmin
from messaging.admin.reports import ReportAdmin

__all__ = ["ConversationAdmin", "MembershipAdmin", "MessageAdmin", "ReportAdmin"]
