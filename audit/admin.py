"""The log in the admin site: to look at, and looking is recorded. Details stay encrypted."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from audit.admin_base import LookingAdmin
from audit.models import Entry
from audit.verbs import verbs
from core.ids import parse_uuid


class VerbFilter(admin.SimpleListFilter):
    """From the list of verbs: asking the table which there are would read all of it."""

    title = "what"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return sorted(verbs.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.filter(action=self.value()) if self.value() in verbs else queryset.none()


@admin.register(Entry)
class EntryAdmin(LookingAdmin):
    columns = ("id", "ts", "action", "outcome", "reason", "actor", "actor_role", "session", "object", "conv", "kid")
    facts = columns
    verb = "audit.viewed"
    called = "Audit log"
    note = "Who did what, the newest first. Details stay encrypted. That you look is recorded too."
    list_display = ("ts", "action", "outcome", "reason", "actor", "actor_role", "conv", "object")
    list_filter = (VerbFilter, "outcome")
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "An id: of the entry, the actor, the object, the conversation or the session."
    offered = frozenset({"action", "outcome__exact"})

    def found(self, rows: "QuerySet[Entry]", term: str) -> "QuerySet[Entry]":
        wanted = parse_uuid(term)
        columns = ("id", "actor", "object", "conv", "session")
        return rows.none() if wanted is None else rows.filter(reduce(or_, (Q((name, wanted)) for name in columns)))
