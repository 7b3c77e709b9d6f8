"""Files in the admin: that there is one, whose, since when and how it fares. Name, type, size and content never."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.models import User
from attachments.models import Attachment, Status
from audit.admin_base import LookingAdmin
from core.ids import parse_uuid


class StatusFilter(admin.SimpleListFilter):
    """Those that something is to be done about, and those that are gone."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [*((status.value, status.value.capitalize()) for status in Status), ("gone", "Gone")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Attachment]") -> "QuerySet[Attachment]":
        wanted = self.value()
        if wanted is None:
            return queryset
        if wanted == "gone":
            return queryset.filter(gone_at__isnull=False).order_by("-gone_at")
        return queryset.filter(status=wanted, gone_at=None) if wanted in Status.values else queryset.none()


@admin.register(Attachment)
class AttachmentAdmin(LookingAdmin):
    columns = (
        *("id", "conversation_id", "message_id", "status", "epoch", "scanner"),
        *("created_at", "scanned_at", "gone_at", "owner__username"),
    )
    facts = ("id", "person", *columns[1:-1])
    note = "Files by their ids. What they are called and what is in them is for the members of their conversations."
    list_display = ("created_at", "person", "standing", "scanned_at", "conversation_id", "message_id")
    list_filter = (StatusFilter,)
    offered = frozenset({"state"})
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "The login name of the owner, or an id: of a file or of the message it was sent with."

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("owner")

    def found(self, rows: "QuerySet[Attachment]", term: str) -> "QuerySet[Attachment]":
        wanted = parse_uuid(term)
        if wanted is None:
            person = User.objects.find(term)
            return rows.filter(owner=person) if person else rows.none()
        return rows.filter(Q(pk=wanted) | Q(message_id=wanted))

    @admin.display(description="owner")
    def person(self, file: Attachment) -> str:
        return file.owner.username

    @admin.display(description="state")
    def standing(self, file: Attachment) -> str:
        return "gone" if file.gone_at is not None else file.status
