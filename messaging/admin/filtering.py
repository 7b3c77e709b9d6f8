"""What the lists of messaging have in common."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from audit.admin_base import short_id
from messaging.models import Membership, Message


class DeletedFilter(admin.SimpleListFilter):
    """Of what can be deleted, and keeps its row for a while."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("living", "Not deleted"), ("deleted", "Deleted")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        wanted = {None: Q(), "living": Q(deleted_at=None), "deleted": Q(deleted_at__isnull=False)}
        return queryset.filter(wanted.get(self.value(), Q(pk__in=())))


def place_of(row: Message | Membership) -> str:
    """Its conversation, as a link to what is known of that."""
    return short_id(row.conversation_id, reverse("admin:messaging_conversation_change", args=[row.conversation_id]))
