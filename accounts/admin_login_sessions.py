"""Sessions of people in the admin: when and until when, nothing of the device. Each can be ended.

Of which device one is stands encrypted and is shown to its owner only; its address is a keyed hash.
"""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from accounts import services
from accounts.admin_forms import actor_of_admin
from accounts.models import LoginSession, User
from audit.admin_base import LookingAdmin, unless_sent
from core import doors
from core.errors import AppError, Refused
from core.ids import parse_uuid
from core.time import now

END = "accounts.change_loginsession"


class StandingFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("live", "Goes on"), ("over", "Has ended")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[LoginSession]") -> "QuerySet[LoginSession]":
        live = Q(revoked_at=None, expires_at__gt=now())
        wanted = {None: Q(), "live": live, "over": ~live}
        return queryset.filter(wanted.get(self.value(), Q(pk__in=())))


@admin.register(LoginSession)
class LoginSessionAdmin(LookingAdmin):
    columns = ("id", "created_at", "last_seen", "expires_at", "revoked_at", "reason", "user__username", "user__role")
    facts = ("id", "person", "role", "created_at", "last_seen", "expires_at", "standing", "revoked_at")
    note = "Where people are signed in, by app or page; the admin's own sessions are not among them."
    list_display = ("created_at", "person", "role", "last_seen", "expires_at", "standing")
    list_filter = (StandingFilter,)
    list_select_related = ("user",)
    offered = frozenset({"state"})
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "A login name, or an id: of a session or of a person."
    change_form_template = "admin/accounts/loginsession/change_form.html"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("user")

    def found(self, rows: "QuerySet[LoginSession]", term: str) -> "QuerySet[LoginSession]":
        wanted = parse_uuid(term)
        if wanted is None:
            person = User.objects.find(term)
            return rows.filter(user=person) if person else rows.none()
        return rows.filter(Q(pk=wanted) | Q(user=wanted))

    @admin.display(description="person")
    def person(self, session: LoginSession) -> str:
        return session.user.username

    @admin.display(description="role")
    def role(self, session: LoginSession) -> str:
        return session.user.get_role_display()

    @admin.display(description="state")
    def standing(self, session: LoginSession) -> str:
        if session.revoked_at is not None:
            return session.get_reason_display()
        return "goes on" if session.expires_at > now() else "expired"

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(self.end_view)
        return [path("<uuid:session_id>/end/", end, name="accounts_loginsession_end"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        wanted = parse_uuid(object_id)
        live = LoginSession.objects.filter(revoked_at=None, expires_at__gt=now())
        may_end = cast(User, request.user).has_perm(END) and wanted is not None and live.filter(pk=wanted).exists()
        return super().change_view(request, object_id, form_url, {"may_end": may_end, **(extra_context or {})})

    def end_view(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """End this session: its tokens open nothing any more, and its sockets close."""
        if not cast(User, request.user).has_perm(END):
            raise PermissionDenied
        page = reverse("admin:accounts_loginsession_change", args=[session_id])
        if (elsewhere := unless_sent(request, page)) is not None:
            return elsewhere
        actor = actor_of_admin(request)
        try:
            services.end_session_of_another(actor=actor, session_id=session_id)
        except AppError as error:
            if isinstance(error, Refused):
                doors.record_refusal(actor, f"admin {request.method} {request.path}"[:100], error)
            self.message_user(request, error.detail, messages.ERROR)
        else:
            self.message_user(request, "The session has ended.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:accounts_loginsession_changelist"))
