"""The log in the admin site: to look at, and looking is recorded. Details stay encrypted."""

from functools import reduce
from itertools import groupby
from operator import or_
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from audit.admin_base import LookingAdmin, login_name_of, person_called, short_id
from audit.models import Entry, Outcome
from audit.verbs import verbs
from core.ids import parse_uuid


class VerbFilter(admin.SimpleListFilter):
    """From the list of verbs: asking the table which there are would read all of it."""

    title = "what"
    parameter_name = "action"
    template = "admin/audit/entry/verbs.html"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return sorted(verbs.items())

    def choices(self, changelist: ChangeList) -> Any:
        """One for each noun, with its verbs; and what else is asked for, which stays."""
        others = [(name, one) for name, all_ in changelist.get_filters_params().items() for one in all_]
        yield {
            "kept": [*((name, one) for name, one in others if name != "action"), ("q", changelist.query or "")],
            "nouns": [
                (noun, [(verb, said, verb == self.value()) for verb, said in found])
                for noun, found in groupby(self.lookup_choices, key=lambda one: str(one[0]).partition(".")[0])
            ],
        }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():  # "" is what the form sends for all of them
            return queryset
        return queryset.filter(action=self.value()) if self.value() in verbs else queryset.none()


@admin.register(Entry)
class EntryAdmin(LookingAdmin):
    columns = ("id", "ts", "action", "outcome", "reason", "actor", "actor_role", "session", "object", "conv", "kid")
    facts = ("id", "ts", "person", "what", "outcome", "reason", "actor", "session", "object", "conv", "kid")
    verb = "audit.viewed"
    called = "Audit log"
    note = "Who did what, the newest first. Details stay encrypted. That you look is recorded too."
    list_display = ("ts", "person", "what", "about")
    list_filter = (VerbFilter, "outcome")
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "The login name of who did it; or an id: of the entry, actor, object, conversation or session."
    offered = frozenset({"action", "outcome__exact"})

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request).annotate(by=login_name_of("actor"))
        return rows

    def found(self, rows: "QuerySet[Entry]", term: str) -> "QuerySet[Entry]":
        wanted = parse_uuid(term)
        if wanted is None:
            person = person_called(term)
            return rows.none() if person is None else rows.filter(actor=person)
        columns = ("id", "actor", "object", "conv", "session")
        return rows.filter(reduce(or_, (Q((name, wanted)) for name in columns)))

    @admin.display(description="who")
    def person(self, entry: Any) -> str:
        """Roles are those of that moment."""
        role = format_html(' <span class="quiet">{}</span>', entry.actor_role) if entry.actor_role else ""
        return format_html("{}{}", entry.by or entry.actor, role)

    @admin.display(description="what")
    def what(self, entry: Entry) -> str:
        """In the words of the filter, with its verb and, where there is one, the reason."""
        refused = "refused" if entry.outcome == Outcome.DENY else ""
        said = format_html('<span class="{}">{}</span>', refused, verbs.get(entry.action, entry.action))
        codes = [(code,) for code in (entry.action, refused, entry.reason) if code]
        return said + format_html_join("", ' <span class="quiet code">{}</span>', codes)

    @admin.display(description="about")
    def about(self, entry: Entry) -> str:
        """Each leads to all entries about the same."""
        named = (("", entry.object), ("in ", entry.conv if entry.conv != entry.object else None))
        found = [(name, short_id(one, f"?q={one}")) for name, one in named if one is not None]
        return format_html_join(" ", '<span class="same">{}{}</span>', found)
