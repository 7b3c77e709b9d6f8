"""What people do in conversations: one function for each action, called by every door."""

from messaging.services.consultations import read_consultations
from messaging.services.conversations import create_conversation, delete_conversation, update_conversation
from messaging.services.discovering import discover_rooms
from messaging.services.edits import read_edits
from messaging.services.exporting import export_data
from messaging.services.forwarding import forward_message
from messaging.services.looking import (
    look_at_conversation,
    look_at_conversations,
    look_away,
    read_active_members,
    show_typing,
)
from messaging.services.members import (
    add_members,
    join_conversation,
    leave_conversation,
    remove_member,
    update_member,
    update_preferences,
)
from messaging.services.messages import delete_message, edit_message, send_message
from messaging.services.pins import pin_message, read_pins, unpin_message
from messaging.services.reactions import add_reaction, remove_reaction
from messaging.services.reading import (
    list_conversations,
    read_conversation,
    read_events,
    read_history,
    read_members,
    read_message,
)
from messaging.services.receipts import (
    count_unread,
    mark_delivered,
    mark_message_read,
    mark_read,
    read_message_receipts,
    read_receipts,
)
from messaging.services.reporting import evidence_of, report_message
from messaging.services.shredding import shred_conversation
from messaging.services.system import ensure_clinical_conversation, post_system_message, send_system_message
from messaging.services.threads import read_thread

__all__ = [
    "add_members",
    "add_reaction",
    "count_unread",
    "create_conversation",
    "delete_conversation",
    "delete_message",
    "discover_rooms",
    "edit_message",
    "ensure_clinical_conversation",
    "evidence_of",
    "export_data",
    "forward_message",
    "join_conversation",
    "leave_conversation",
    "list_conversations",
    "look_at_conversation",
    "look_at_conversations",
    "look_away",
    "mark_delivered",
    "mark_message_read",
    "mark_read",
    "pin_message",
    "post_system_message",
    "read_active_members",
    "read_consultations",
    "read_conversation",
    "read_edits",
    "read_events",
    "read_history",
    "read_members",
    "read_message",
    "read_message_receipts",
    "read_pins",
    "read_receipts",
    "read_thread",
    "remove_member",
    "remove_reaction",
    "report_message",
    "send_message",
    "send_system_message",
    "show_typing",
    "shred_conversation",
    "unpin_message",
    "update_conversation",
    "update_member",
    "update_preferences",
]
