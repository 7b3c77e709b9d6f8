"""Messages as far as they are known without a key: when, by whom, where, of what type, and what became of them.

Not what they say, nor what the client called them (`client_message_id`): somebody could write there.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.admin_base import LookingAdmin, login_name_of
from core.ids import parse_uuid
from messaging.admin.filtering import DeletedFilter, place_of
from messaging.models import Conversation, Message
from messaging.removal.due import DELETED, LIVING
from retention import explain


@admin.register(Message)
class MessageAdmin(LookingAdmin):
    columns = (
        *("id", "conversation_id", "seq", "type", "format", "priority", "revision", "reply_to_id", "thread_root_id"),
        *("mentions_all", "mentions_some", "has_thread", "has_reactions", "has_files", "pinned_at"),
        *("forwarded_at", "created_at", "edited_at", "expires_at", "deleted_at"),
    )
    facts = (*columns[:3], "person", *columns[3:], "deleter", "kept")
    note = "Messages without what they say: that is encrypted, and for the members of their conversations."
    list_display = ("created_at", "person", "type", "seq", "place", "edited_at", "deleted_at", "has_files")
    list_filter = ("type", DeletedFilter)
    offered = frozenset({"type__exact", "state"})
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "An id: of a message, or of a conversation for its newest messages."

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        names = {"sent_by": login_name_of("sender"), "removed_by": login_name_of("deleted_by")}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**names)
        return rows

    def found(self, rows: "QuerySet[Message]", term: str) -> "QuerySet[Message]":
        wanted = parse_uuid(term)
        if wanted is None:
            return rows.none()
        message = rows.filter(pk=wanted)
        # By number, which the index of a conversation has: by id all messages of all of them would be walked through.
        return message if message.exists() else rows.filter(conversation=wanted).order_by("-seq")

    @admin.display(description="sender")
    def person(self, message: Any) -> str:
        return str(message.sent_by)

    @admin.display(description="conversation")
    def place(self, message: Message) -> str:
        return place_of(message)

    @admin.display(description="deleted by")
    def deleter(self, message: Any) -> str:
        return message.removed_by or ""

    @admin.display(description="kept for")
    def kept(self, message: Message) -> str:
        """Which policy counts for it, and why."""
        place = Conversation.objects.values("kind", "course_id").get(pk=message.conversation_id)
        state = LIVING if message.deleted_at is None else DELETED
        return " ".join(explain("messaging.messages", **place, message_type=message.type, state=state).why)
