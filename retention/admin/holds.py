"""Legal holds in the admin: that something is held, since when and by whom; why, for whoever may place holds.

The reason stands in the answer to "Show why", a POST that is recorded each time, and in no other.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from audit.admin_base import LookingAdmin, actor_in_admin, login_name_of, person_called, unless_sent
from core import doors
from core.errors import AppError, Refused
from core.ids import parse_uuid
from retention import services
from retention.admin.answering import explain
from retention.models import LegalHold, TargetKind


class HoldForm(forms.Form):
    """What is to be held, and why."""

    target_kind = forms.ChoiceField(label="What", choices=TargetKind.choices)
    target_id = forms.CharField(
        label="Its id", max_length=150, widget=forms.TextInput(attrs={"size": "40"}), help_text="Or a login name."
    )
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": "3"}), help_text="Encrypted.")
    case_id = forms.CharField(required=False, max_length=100, label="Number of the case", help_text="Encrypted.")

    def clean_target_id(self) -> UUID:
        """A person goes by their login name too."""
        typed = self.cleaned_data["target_id"].strip()
        found = parse_uuid(typed)
        if found is None and self.cleaned_data.get("target_kind") == TargetKind.USER:
            found = person_called(typed)
        if found is None:
            raise forms.ValidationError("There is nothing with this id.")
        return found


class InForceFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("in_force", "In force"), ("lifted", "Lifted")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[LegalHold]") -> "QuerySet[LegalHold]":
        wanted = {None: Q(), "in_force": Q(lifted_at=None), "lifted": Q(lifted_at__isnull=False)}
        return queryset.filter(wanted.get(self.value(), Q(pk__in=())))


@admin.register(LegalHold)
class HoldAdmin(LookingAdmin):
    columns = ("id", "target_kind", "target_id", "placed_at", "lifted_at")
    facts = ("id", "target_kind", "person", "target_id", "placed_at", "placer", "lifted_at", "lifter")
    note = "What is held is removed by nobody, whatever a policy says, until its last hold is lifted."
    list_display = ("placed_at", "target_kind", "person", "target_id", "placer", "lifted_at")
    list_filter = (InForceFilter, "target_kind")
    offered = frozenset({"state", "target_kind__exact"})
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "An id: of the hold, or of what is held."
    change_form_template = "admin/retention/legalhold/change_form.html"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        names = {
            "by": login_name_of("placed_by"),
            "lifted_by_name": login_name_of("lifted_by"),
            "held_name": login_name_of("target_id"),
        }
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**names)
        return rows

    def found(self, rows: "QuerySet[LegalHold]", term: str) -> "QuerySet[LegalHold]":
        wanted = parse_uuid(term)
        return rows.none() if wanted is None else rows.filter(Q(pk=wanted) | Q(target_id=wanted))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(services.PLACE_HOLD))

    @admin.display(description="who")
    def person(self, hold: Any) -> str:
        return hold.held_name or ""

    @admin.display(description="placed by")
    def placer(self, hold: Any) -> str:
        return hold.by or "a command"

    @admin.display(description="lifted by")
    def lifter(self, hold: Any) -> str:
        return (hold.lifted_by_name or "a command") if hold.lifted_at else "nobody yet"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:hold_id>/why/", view(self.why_view), name="retention_legalhold_why"),
            path("<uuid:hold_id>/lift/", view(self.lift_view), name="retention_legalhold_lift"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self._require(request)
        form = HoldForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            try:
                hold = services.place_hold(actor=actor_in_admin(request), **form.cleaned_data)
            except AppError as error:
                explain(request, form, error)
            else:
                self.message_user(request, "It is held from now on.", messages.SUCCESS)
                return HttpResponseRedirect(_address(hold.pk))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Place a legal hold"}
        return TemplateResponse(request, "admin/retention/legalhold/form.html", {**context, "form": form})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"title": "Legal hold", "may_place": self.has_add_permission(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def why_view(self, request: HttpRequest, hold_id: UUID) -> HttpResponse:
        """The page once more, with the reason in it: in this answer and in no other."""

        def show() -> HttpResponse:
            why = services.read_why(actor=actor_in_admin(request), hold_id=hold_id)
            context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Why it is held"}
            shown = {**context, "why": why, "hold_id": hold_id}
            return TemplateResponse(request, "admin/retention/legalhold/why.html", shown)

        return self._answer(request, hold_id, show)

    def lift_view(self, request: HttpRequest, hold_id: UUID) -> HttpResponse:
        def lift() -> HttpResponse:
            services.lift_hold(actor=actor_in_admin(request), hold=LegalHold(id=hold_id))
            self.message_user(request, "The hold is lifted. Policies count again.", messages.SUCCESS)
            return HttpResponseRedirect(_address(hold_id))

        return self._answer(request, hold_id, lift)

    def _answer(self, request: HttpRequest, hold_id: UUID, work: Callable[[], HttpResponse]) -> HttpResponse:
        self._require(request)
        if (elsewhere := unless_sent(request, _address(hold_id))) is not None:
            return elsewhere
        try:
            return work()
        except AppError as error:
            if error.status >= 500:
                raise
            if isinstance(error, Refused):
                doors.record_refusal(actor_in_admin(request), f"admin {request.method} {request.path}"[:100], error)
            self.message_user(request, error.detail, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:retention_legalhold_changelist"))

    def _require(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied


def _address(hold_id: UUID) -> str:
    return reverse("admin:retention_legalhold_change", args=[hold_id])
