from messaging.models.conversation import Conversation, RoomWord
from messaging.models.membership import Membership, WatermarkMove
from messaging.models.message import Mention, Message, MessageEdit, Reaction
from messaging.models.report import Report

__all__ = [
    "Conversation",
    "Membership",
    "Mention",
    "Message",
    "MessageEdit",
    "Reaction",
    "Report",
    "RoomWord",
    "WatermarkMove",
]
