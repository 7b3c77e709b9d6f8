"""Who is and was in which conversation."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.models import User
from audit.admin_base import LookingAdmin
from core.ids import parse_uuid
from messaging.admin.filtering import place_of
from messaging.models import Membership


class StayFilter(admin.SimpleListFilter):
    title = "stay"
    parameter_name = "stay"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("lasts", "Lasts"), ("over", "Has ended")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Membership]") -> "QuerySet[Membership]":
        wanted = {None: Q(), "lasts": Q(left_seq=None), "over": Q(left_seq__isnull=False)}
        return queryset.filter(wanted.get(self.value(), Q(pk__in=())))


@admin.register(Membership)
class MembershipAdmin(LookingAdmin):
    columns = (
        *("id", "role", "joined_at", "joined_seq", "left_at", "left_seq", "until", "is_muted", "is_blocked"),
        *("delivered_seq", "read_seq", "user__username", "conversation__kind"),
    )
    facts = (
        *("id", "person", "conversation_id", "kind", "role", "joined_at", "joined_seq", "left_at", "left_seq"),
        *("until", "is_muted", "is_blocked", "delivered_seq", "read_seq"),
    )
    note = "One row for each stay: who comes back has another."
    list_display = ("joined_at", "person", "role", "kind", "place", "left_at", "is_muted", "is_blocked")
    list_filter = (StayFilter,)
    offered = frozenset({"stay"})
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "The login name of somebody, for where they are now; or an id: of a conversation or a stay."

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("user", "conversation")

    def found(self, rows: "QuerySet[Membership]", term: str) -> "QuerySet[Membership]":
        wanted = parse_uuid(term)
        if wanted is None:
            return rows.filter(user=User.objects.find(term), left_seq=None)
        stay = rows.filter(pk=wanted)
        return stay if stay.exists() else rows.filter(conversation=wanted)

    @admin.display(description="person")
    def person(self, stay: Membership) -> str:
        return stay.user.username

    @admin.display(description="conversation")
    def place(self, stay: Membership) -> str:
        return place_of(stay)

    @admin.display(description="kind")
    def kind(self, stay: Membership) -> str:
        return stay.conversation.kind
