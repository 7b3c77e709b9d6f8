from messaging.models.conversation import Conversation
from messaging.models.membership import Membership
from messaging.models.message import Message

__all__ = ["Conversation", "Membership", "Message"]
