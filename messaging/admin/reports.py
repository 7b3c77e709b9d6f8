"""Reports in the admin: a queue, and a page for each with everything a moderator may do.

Nothing here shows what anybody wrote but the answer to "Open the evidence", a POST that is recorded each time. What is
done goes through `messaging.services.moderation`, which decides; the page only offers what makes sense.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Case, Model, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accounts.admin_forms import actor_of_admin
from audit.admin_base import BoundedPaginator, unless_sent
from core import doors
from core.errors import AppError, NotFound, Refused
from core.ids import parse_uuid
from core.time import now
from messaging import querysets
from messaging.admin import reading
from messaging.models import Report
from messaging.models.report import Deed, State
from messaging.services import moderation

if TYPE_CHECKING:
    _ReportAdmin = admin.ModelAdmin[Report]
else:  # Django's own class takes no parameters
    _ReportAdmin = admin.ModelAdmin

_LOOKUPS = frozenset({"state", "age", "reason__exact", "outcome__exact"})

DEEDS: dict[str, Callable[..., Any]] = {
    Deed.DISMISSED.value: moderation.dismiss,
    Deed.WARNED.value: moderation.warn,
    Deed.HIDDEN.value: moderation.hide_message,
    Deed.MUTED.value: moderation.mute_member,
    Deed.UNMUTED.value: moderation.unmute_member,
    Deed.BANNED.value: moderation.ban_member,
    Deed.UNBANNED.value: moderation.lift_ban,
    Deed.SUSPENDED.value: moderation.suspend_user,
    Deed.REINSTATED.value: moderation.reinstate_user,
}
"""The steps that count up a report's version, by the last part of their address."""


class StateFilter(admin.SimpleListFilter):
    """What is open, unless something else is asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(State.SETTLED.value, "Settled"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Open"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Report]") -> "QuerySet[Report]":
        wanted = self.value() or State.OPEN.value
        return queryset if wanted == "all" else queryset.filter(state=wanted)


class AgeFilter(admin.SimpleListFilter):
    """How long ago it was reported."""

    title = "age"
    parameter_name = "age"
    days = (1, 3, 7, 30)

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        older = [(f"{n}", f"Older than {n} {'day' if n == 1 else 'days'}") for n in self.days]
        return [("today", "Of the last 24 hours"), *older]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Report]") -> "QuerySet[Report]":
        wanted = self.value()
        if wanted is None:
            return queryset
        if wanted == "today":
            return queryset.filter(created_at__gt=now() - timedelta(days=1))
        if wanted not in map(str, self.days):
            return queryset.none()
        return queryset.filter(created_at__lte=now() - timedelta(days=int(wanted)))


@admin.register(Report)
class ReportAdmin(_ReportAdmin):
    list_display = ("reported", "reason", "about", "place", "standing", "settler", "yours")
    list_filter = (StateFilter, "reason", "outcome", AgeFilter)
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "The login name of the person reported, or an id: of a report, message, conversation or person."
    list_per_page = 50
    paginator = BoundedPaginator
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    actions = None

    # ---- Who, and what of it -------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is edited: everything that can be done has a button of its own."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Reports go by retention."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in _LOOKUPS

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Report]":
        actor_id = actor_of_admin(request).id
        party = Case(When(querysets.party_to(actor_id), then=True), default=False, output_field=BooleanField())
        people = ("author", "conversation", "settled_by")
        return querysets.reports_for(actor_id).select_related(*people).annotate(is_party=party)

    def get_ordering(self, request: HttpRequest) -> Any:
        """Who waits longest comes first; of what is settled the newest."""
        return ["created_at", "id"] if request.GET.get("state") is None else ["-created_at", "-id"]

    def get_search_results(self, request: HttpRequest, queryset: "QuerySet[Report]", search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = parse_uuid(term)
        if wanted is None:
            return queryset.filter(author__username__iexact=term), False
        ids = Q(id=wanted) | Q(message=wanted) | Q(conversation=wanted) | Q(author=wanted)
        return queryset.filter(ids), False

    # ---- The list ------------------------------------------------------------------------------------------------

    @admin.display(description="reported", ordering="created_at")
    def reported(self, report: Report) -> str:
        return format_html(
            '<time datetime="{}">{}</time>', report.created_at.isoformat(), reading.ago(report.created_at)
        )

    @admin.display(description="about", ordering="author__username")
    def about(self, report: Report) -> str:
        return report.author.username

    @admin.display(description="written in")
    def place(self, report: Report) -> str:
        return reading.KINDS[report.conversation.kind]

    @admin.display(description="state", ordering="state")
    def standing(self, report: Report) -> str:
        return format_html('<span class="badge {}">{}</span>', report.outcome or report.state, reading.standing(report))

    @admin.display(description="settled by")
    def settler(self, report: Report) -> str:
        return "" if report.settled_by is None else report.settled_by.username

    @admin.display(description="yours to judge", boolean=True)
    def yours(self, report: Any) -> bool:
        return not report.is_party

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {"title": "Reports", **(extra_context or {})}
        response = super().changelist_view(request, extra)
        moderation.record_list_viewed(actor=actor_of_admin(request))
        return response

    # ---- One of them ---------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:report_id>/evidence/", view(self.evidence_view), name="messaging_report_evidence"),
            path("<uuid:report_id>/note/", view(self.note_view), name="messaging_report_note"),
            path("<uuid:report_id>/do/<slug:deed>/", view(self.deed_view), name="messaging_report_deed"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        report_id = parse_uuid(object_id)
        if report_id is None:
            return self._absent(request)
        return self._answer(request, report_id, lambda: self._page(request, report_id))

    def evidence_view(self, request: HttpRequest, report_id: UUID) -> HttpResponse:
        """The page once more, with the evidence in it: in this answer and in no other."""
        if (elsewhere := unless_sent(request, _address(report_id))) is not None:
            return elsewhere

        def show() -> HttpResponse:
            evidence = moderation.open_evidence(actor=actor_of_admin(request), report_id=report_id)
            return self._page(request, report_id, evidence=evidence)

        return self._answer(request, report_id, show)

    def note_view(self, request: HttpRequest, report_id: UUID) -> HttpResponse:
        if (elsewhere := unless_sent(request, _address(report_id))) is not None:
            return elsewhere

        def write() -> HttpResponse:
            text = request.POST.get("text", "")
            moderation.add_note(actor=actor_of_admin(request), report_id=report_id, text=text)
            return self._done(request, report_id, "The note was added. It is shown together with the evidence.")

        return self._answer(request, report_id, write)

    def deed_view(self, request: HttpRequest, report_id: UUID, deed: str) -> HttpResponse:
        """One of DEEDS, upon the version of the report that stood on the page."""
        if (elsewhere := unless_sent(request, _address(report_id))) is not None:
            return elsewhere

        def do() -> HttpResponse:
            version = request.POST.get("version", "")
            if deed not in DEEDS or not version.isdecimal() or len(version) > reading.LONGEST_VERSION:
                raise NotFound(subject_id=report_id)
            more = {"text": request.POST.get("text", "")} if deed == Deed.WARNED else {}
            DEEDS[deed](actor=actor_of_admin(request), report_id=report_id, version=int(version), **more)
            return self._done(request, report_id, reading.DONE[deed])

        return self._answer(request, report_id, do)

    # ---- Answers -------------------------------------------------------------------------------------------------

    def _page(
        self, request: HttpRequest, report_id: UUID, evidence: moderation.Evidence | None = None
    ) -> TemplateResponse:
        overview = moderation.view_report(actor=actor_of_admin(request), report_id=report_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Report of {reading.REASONS[overview.report.reason]}",
            "opts": self.opts,
            "overview": overview,
            "report": overview.report,
            "standing": reading.standing(overview.report),
            "kind": reading.KINDS[overview.report.conversation.kind],
            "state_of_message": reading.state_of(overview.message),
            "measures": reading.measures(overview),
            "may_open": Deed.OPENED in overview.possible,
            "may_note": Deed.NOTED in overview.possible,
            "longest_note": moderation.LONGEST_NOTE,
            "evidence": evidence and reading.evidence(evidence, overview.report),
        }
        return TemplateResponse(request, "admin/messaging/report/page.html", context)

    def _answer(self, request: HttpRequest, report_id: UUID, work: Callable[[], HttpResponse]) -> HttpResponse:
        """What `work` answers; what it refuses stands in the audit log and on the page."""
        try:
            return work()
        except AppError as error:
            if isinstance(error, Refused):
                doors.record_refusal(actor_of_admin(request), f"admin {request.method} {request.path}"[:100], error)
            if isinstance(error, NotFound):
                return self._absent(request)
            if request.method != "POST" or error.status >= 500:
                raise
            self.message_user(request, error.detail, messages.ERROR)
        return HttpResponseRedirect(_address(report_id))

    def _done(self, request: HttpRequest, report_id: UUID, text: str) -> HttpResponse:
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(_address(report_id))

    def _absent(self, request: HttpRequest) -> HttpResponse:
        """The same for what does not exist, what is about oneself, and what was never an id."""
        self.message_user(request, "There is no such report.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:index"))


def _address(report_id: UUID) -> str:
    return reverse("admin:messaging_report_change", args=[report_id])
