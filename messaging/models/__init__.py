from messaging.models.conversation import Conversation, RoomWord
from messaging.models.membership import Membership, WatermarkMove
from messaging.models.message import Mention, Message, MessageEdit, Reaction
from messaging.models.removal import RemovedMessage
from messaging.models.report import Report, ReportAction, ReportNote

__all__ = [
    "Conversation",
    "Membership",
    "Mention",
    "Message",
    "MessageEdit",
    "Reaction",
    "RemovedMessage",
    "Report",
    "ReportAction",
    "ReportNote",
    "RoomWord",
    "WatermarkMove",
]
