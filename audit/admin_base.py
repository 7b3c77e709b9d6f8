"""Pages of the admin on which staff look and change nothing. That they looked is recorded, before they see it.

A subclass says which columns it reads (`columns`: whatever else a row has never leaves the database) and which filters
it offers (`offered`). It stays quick with millions of rows: nothing is counted to the end, lists have one order, which
an index has too, and on PostgreSQL a question that takes too long is given up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.ids import parse_uuid
from core.network import client_address
from core.rest.errors import request_id_of

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:  # Django's classes take no parameter at run time
    _ModelAdmin, _Paginator = admin.ModelAdmin, Paginator

MOST = 1000
"""Rows that a list counts and pages through. Whoever looks for one among more has its id, or a filter."""

LONGEST = "5s"
_CANCELLED = "57014"  # SQLSTATE query_canceled


def actor_in_admin(request: HttpRequest) -> Actor:
    """Who acts in the admin; its sessions are Django's own and have no id here."""
    user, meta = request.user, request.META
    return Actor(
        id=cast(UUID, user.pk),
        role=getattr(user, "role", ""),
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
        address=client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR"), settings.TRUSTED_PROXIES),
        request_id=request_id_of(request),
    )


def login_name_of(column: str) -> Subquery:
    """The login name of the person whose id stands in this column, as part of the row's own query."""
    return Subquery(get_user_model().objects.filter(pk=OuterRef(column)).values("username")[:1])


def unless_sent(request: HttpRequest, page: str) -> HttpResponse | None:
    """None for what a button sends. Who comes to its address otherwise (reloading, from the sign-in, by a link) is led
    to the page that has the button."""
    if request.method == "POST":
        return None
    return HttpResponseRedirect(page) if request.method in {"GET", "HEAD"} else HttpResponseNotAllowed(["POST"])


def short_id(wanted: UUID, page: str) -> str:
    """The end of an id as a link: that is by chance, and its beginning a time, alike for what was made together."""
    return format_html('<a href="{}" title="{}" class="page-short">…{}</a>', page, wanted, str(wanted)[-12:])


def person_called(username: str) -> UUID | None:
    """The id of whoever has this login name."""
    model = get_user_model()
    try:
        person = cast("BaseUserManager[Any]", model._default_manager).get_by_natural_key(username)
    except model.DoesNotExist:
        return None
    return cast(UUID, person.pk)


class BoundedPaginator(_Paginator):
    """Counts to MOST and says "more than" of the rest: a COUNT of millions of rows takes longer than the page."""

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST)

    @property
    def is_cut(self) -> bool:
        return self._found > MOST

    @cached_property
    def _found(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return int(rows.order_by().values("pk")[: MOST + 1].count())


class _List(ChangeList):
    """In its own order whatever the address says: sorting by a column without an index reads the whole table."""

    def get_ordering(self, request: HttpRequest, queryset: "QuerySet[Any]") -> Any:
        self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)


class BoundedAdmin(_ModelAdmin):
    """A list that stays quick, without anything that acts on many rows at once."""

    actions: Any = None
    list_per_page = 50
    paginator = BoundedPaginator
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()
    ordering: ClassVar[Any] = ("-pk",)
    offered: frozenset[str] = frozenset()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _List

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters that are offered: any other would answer questions about columns that are never shown."""
        return lookup in self.offered

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.opts.pk.name

    def get_search_results(self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str) -> Any:
        term = search_term.strip()
        return (self.found(queryset, term) if term else queryset), False

    def found(self, rows: "QuerySet[Any]", term: str) -> "QuerySet[Any]":
        """Those that somebody means who typed this: an id, unless a subclass knows better."""
        wanted = parse_uuid(term)
        return rows.none() if wanted is None else rows.filter(pk=wanted)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LookingAdmin(BoundedAdmin):
    """To look at, and looking is recorded as `verb`: the list each time, a row with its id."""

    columns: tuple[str, ...] = ()
    verb = "metadata.viewed"
    facts: tuple[str, ...] = ()
    """What stands on the page of one row."""
    called = ""
    """What people call the list, where its model is called something else."""
    note = ""
    """One sentence about what this list is."""
    change_form_template = "admin/looking/change_form.html"
    change_list_template = "admin/looking/change_list.html"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request).only(*self.columns)
        return rows

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.facts

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.facts

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {"title": self.list_name, "note": self.note, **(extra_context or {})}
        try:
            with in_time():
                response = super().changelist_view(request, extra)
                if isinstance(response, TemplateResponse):
                    self.record_view(request)
                    response.render()
                return response
        except OperationalError as error:
            if not took_too_long(error):
                raise
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Too much to look through"}
        return TemplateResponse(request, "admin/looking/too_much.html", context, status=503)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"subtitle": None, "list_name": self.list_name, **(extra_context or {})}
        response = super().change_view(request, object_id, form_url, extra)
        if isinstance(response, TemplateResponse):
            self.record_view(request, parse_uuid(object_id))
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What Django notes of changes is empty here; the audit log has them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))

    @property
    def list_name(self) -> str:
        return self.called or str(self.opts.verbose_name_plural).capitalize()

    def record_view(self, request: HttpRequest, object_id: UUID | None = None) -> None:
        """Committed before anything is shown; raises AuditUnavailable when it cannot be."""
        writer.submit(
            EntryDraft(self.verb, actor_in_admin(request), object_id=object_id, reason=self.opts.label_lower)
        ).result()


@contextmanager
def in_time(longest: str = LONGEST) -> Iterator[None]:
    """Each question asked meanwhile ends after so long, on PostgreSQL; SQLite has no such bound."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{longest}'")
        yield


def took_too_long(error: OperationalError) -> bool:
    """Whether it is what `in_time` ends with."""
    return getattr(error.__cause__, "sqlstate", "") == _CANCELLED
