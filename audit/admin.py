"""The log in the admin site: to look at, and looking is recorded. Details stay encrypted."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse

import audit
from audit.models import Entry
from audit.verbs import verbs
from core.actor import Actor
from core.ids import parse_uuid
from core.network import client_address

if TYPE_CHECKING:
    EntryModelAdmin = admin.ModelAdmin[Entry]
else:  # Django's class takes no parameter at run time
    EntryModelAdmin = admin.ModelAdmin


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
class EntryAdmin(EntryModelAdmin):
    list_display = ("ts", "action", "outcome", "reason", "actor", "actor_role", "conv", "object")
    list_filter = (VerbFilter, "outcome")
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "An id: of the entry, the actor, the object, the conversation or the session."
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    fields = ("id", "ts", "action", "outcome", "reason", "actor", "actor_role", "session", "object", "conv", "kid")
    actions = None

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in {"action", "outcome__exact"}

    def get_search_results(self, request: HttpRequest, queryset: "QuerySet[Entry]", search_term: str) -> Any:
        wanted = parse_uuid(search_term.strip())
        if not search_term:
            return queryset, False
        columns = ("id", "actor", "object", "conv", "session")
        return queryset.filter(
            reduce(or_, (Q((column, wanted)) for column in columns))
        ) if wanted else queryset.none(), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        _record_view(request, None)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        _record_view(request, parse_uuid(object_id))
        return response


def _record_view(request: HttpRequest, entry: UUID | None) -> None:
    with audit.transaction():
        audit.record("audit.viewed", actor=_actor(request), object_id=entry)


def _actor(request: HttpRequest) -> Actor:
    user, meta = request.user, request.META
    return Actor(
        id=cast(UUID, user.pk),
        role=getattr(user, "role", ""),
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
        address=client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR"), settings.TRUSTED_PROXIES),
    )
