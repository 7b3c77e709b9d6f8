"""Conversations as far as they are known without a key: of what kind, since when, by whom, how many are in it.

No name, no description, no tags; nor `course_id`, which somebody typed in too.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join

from accounts.models import User
from audit.admin_base import LookingAdmin, login_name_of
from core.ids import parse_uuid
from messaging.admin.filtering import DeletedFilter
from messaging.models import Conversation, Membership

_FURTHER = (
    ("Who is and was in it", "messaging_membership"),
    ("Its messages, without what they say", "messaging_message"),
)


@admin.register(Conversation)
class ConversationAdmin(LookingAdmin):
    columns = (
        *("kind", "history", "posting_policy", "priority", "max_members"),
        *("created_at", "updated_at", "deleted_at", "shredded_at", "stream__head_seq"),
    )
    facts = (
        *("id", "kind", "creator", "created_at", "updated_at", "members", "events", "max_members"),
        *("history", "posting_policy", "priority", "deleted_at", "shredded_at", "further"),
    )
    note = "Conversations without their names: these are encrypted, and for their members."
    list_display = ("created_at", "kind", "creator", "id", "standing")
    list_filter = ("kind", DeletedFilter)
    offered = frozenset({"kind__exact", "state"})
    search_fields = ("pk",)  # shows the box; what it searches is below
    search_help_text = "The login name of somebody who is in it, or its id."

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = (
            super().get_queryset(request).select_related("stream").annotate(by=login_name_of("created_by"))
        )
        return rows

    def found(self, rows: "QuerySet[Any]", term: str) -> "QuerySet[Any]":
        wanted = parse_uuid(term)
        if wanted is not None:
            return rows.filter(pk=wanted)
        stays = Membership.objects.filter(user=User.objects.find(term), conversation=OuterRef("pk"), left_seq=None)
        return rows.filter(Exists(stays))

    @admin.display(description="id")
    def id(self, conversation: Conversation) -> str:
        return str(conversation.pk)

    @admin.display(description="started by")
    def creator(self, conversation: Any) -> str:
        return str(conversation.by)

    @admin.display(description="people in it")
    def members(self, conversation: Conversation) -> int:
        return Membership.objects.filter(conversation=conversation.pk, left_seq=None).count()

    @admin.display(description="events so far")
    def events(self, conversation: Conversation) -> int:
        return conversation.stream.head_seq

    @admin.display(description="state")
    def standing(self, conversation: Conversation) -> str:
        if conversation.shredded_at is not None:
            return "keys destroyed"
        return "" if conversation.deleted_at is None else "deleted"

    @admin.display(description="more")
    def further(self, conversation: Conversation) -> str:
        found = ((f"{reverse(f'admin:{page}_changelist')}?q={conversation.pk}", name) for name, page in _FURTHER)
        return format_html_join(" · ", '<a href="{}">{}</a>', found)
