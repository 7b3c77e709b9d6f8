"""What people do in conversations: one function for each action, called by every door."""

from messaging.services.conversations import create_conversation, delete_conversation, update_conversation
from messaging.services.members import update_preferences
from messaging.services.messages import delete_message, edit_message, send_message
from messaging.services.reading import (
    count_unread,
    list_conversations,
    read_conversation,
    read_events,
    read_history,
    read_members,
    read_message,
    read_receipts,
)
from messaging.services.receipts import mark_delivered, mark_read

__all__ = [
    "count_unread",
    "create_conversation",
    "delete_conversation",
    "delete_message",
    "edit_message",
    "list_conversations",
    "mark_delivered",
    "mark_read",
    "read_conversation",
    "read_events",
    "read_history",
    "read_members",
    "read_message",
    "read_receipts",
    "send_message",
    "update_conversation",
    "update_preferences",
]
