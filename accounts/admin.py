"""People in the admin: create, disable, enable, and for superusers roles and rights. Everything goes through services.

Names and addresses are shown decrypted, so looking is recorded. Passwords of others are neither shown nor changed here.
"""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy

from accounts import services
from accounts.admin_forms import CountingLoginForm, OwnPasswordChange, PersonForm, actor_of_admin
from accounts.admin_login_sessions import LoginSessionAdmin
from accounts.models import User
from audit.admin_base import BoundedPaginator
from audit.writer import EntryDraft, writer
from core import doors
from core.actor import SYSTEM_ID
from core.errors import AppError, Refused
from core.ids import parse_uuid


def change_own_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
    """The admin's page for it, with our service behind."""
    context = {**admin.site.each_context(request), **(extra_context or {})}
    done = reverse_lazy("admin:password_change_done")
    return OwnPasswordChange.as_view(success_url=done, extra_context=context)(request)


__all__ = ["LoginSessionAdmin", "PeopleAdmin"]

admin.site.site_header = admin.site.site_title = "Parley"
admin.site.login_form = CountingLoginForm
admin.site.login_template = "admin/accounts/login.html"
admin.site.password_change = change_own_password  # type: ignore[method-assign,assignment]  # Django 5.2 has no option for the form
# Rights come with a role and by services that record it; a group made here would be in no log.
admin.site.unregister(Group)


if TYPE_CHECKING:
    _UserAdmin = admin.ModelAdmin[User]
else:  # Django's own class takes no parameters
    _UserAdmin = admin.ModelAdmin

_PERSON = ("username", "display_name", "email", "time_zone", "language", "is_active", "created_at")
_AUTHORITY = ("role", "is_staff", "is_superuser")
_GRANTED = (*_AUTHORITY, "groups")
_FILTERS = frozenset({"role__exact", "is_active__exact", "is_staff__exact"})
_NEW = ("username", "password", "display_name", "email", "time_zone", "language")
_ASKED = {"disable": "Disable", "enable": "Enable", "remove_app": "Remove the authenticator app of"}
_READ_LOG = "audit.view_entry"
_MOST_AT_ONCE = 500
_MOST_SHOWN = 50


@admin.register(User)
class PeopleAdmin(_UserAdmin):
    form = PersonForm
    list_display = ("username", "display_name", "role", "is_active", "is_staff", "created_at")
    list_filter = ("role", "is_active", "is_staff")
    search_fields = ("username",)
    ordering = ("username",)
    paginator = BoundedPaginator
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    actions = ("disable", "enable", "remove_app")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the filters that are offered: any other would answer questions about columns that are never shown, the
        password hashes among them, one character at a time."""
        return lookup in _FILTERS

    # ---- What is shown -------------------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is not None:
            return (*_PERSON, *_GRANTED)
        return (*_NEW, *_AUTHORITY) if _is_superuser(request) else (*_NEW, "role")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return ()
        return _PERSON if _is_superuser(request) and obj.pk != request.user.pk else (*_PERSON, *_GRANTED)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are disabled: what they wrote and did keeps their id."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if any(parse_uuid(chosen) is None for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise SuspiciousOperation("Somebody was chosen who cannot exist.")
        response = super().changelist_view(request, {"title": "People", **(extra_context or {})})
        _record_view(request)
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        # One button: what the other two of Django's lead to is a click away.
        extra = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        try:
            response = super().changeform_view(request, object_id, form_url, extra)
        except AppError as error:
            self._tell(request, error)
            return HttpResponseRedirect(request.path)
        # What was sent and refused comes back as a page about the person, too.
        if object_id and isinstance(response, TemplateResponse):
            _record_view(request, self.get_object(request, object_id))
        return response

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Under their login name: Django calls them by what stands in logs, which is an id."""
        person: User | None = context.get("original")
        said = {"title": "A new person" if person is None else person.username, "subtitle": None}
        may_follow = cast(User, request.user).has_perm(_READ_LOG)
        open_fields = set(self.get_fields(request, person)) - set(self.get_readonly_fields(request, person))
        may = {"may_follow": may_follow, "show_save": bool(open_fields)}
        return super().render_change_form(request, {**context, **said, **may}, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(request, f"Added {obj.username}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        self.message_user(request, f"What {obj.username} may do was changed.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:accounts_user_changelist"))

    # ---- What can be done ----------------------------------------------------------------------------------------

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> User:
        """Create the person, or change their role and rights; nothing else of a person is changed here."""
        actor, given = actor_of_admin(request), form.cleaned_data
        if change:
            wanted = {name: given[name] for name in _GRANTED if name in given}
            return services.change_authority(actor=actor, user=form.instance, **wanted)
        return services.create_user(actor=actor, **given)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Saved by the service."""

    def save_related(self, request: HttpRequest, form: "ModelForm[User]", formsets: Any, change: bool) -> None:
        """There is nothing related in the form."""

    @admin.action(description="Disable the selected people", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: "QuerySet[User]") -> HttpResponse | None:
        if _is_confirmed(request):
            self._for_each(request, queryset, services.disable_user, "disabled")
            return None
        return self._confirm(request, queryset.filter(is_active=True), "disable")

    @admin.action(description="Enable the selected people", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: "QuerySet[User]") -> HttpResponse | None:
        if _is_confirmed(request):
            self._for_each(request, queryset, services.enable_user, "enabled")
            return None
        return self._confirm(request, queryset.filter(is_active=False), "enable")

    @admin.action(description="Remove the authenticator app of the selected people", permissions=["superuser"])
    def remove_app(self, request: HttpRequest, queryset: "QuerySet[User]") -> HttpResponse | None:
        if _is_confirmed(request):
            self._for_each(request, queryset, services.remove_second_factor, "removed")
            return None
        return self._confirm(request, queryset.filter(totp_device__confirmed=True), "remove_app")

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def _confirm(self, request: HttpRequest, chosen: "QuerySet[User]", action: str) -> HttpResponse | None:
        """Ask first. The page holds the ids of exactly those it names and counts: who comes later is not meant."""
        people = list(chosen.exclude(pk=SYSTEM_ID).exclude(pk=cast(User, request.user).pk)[: _MOST_AT_ONCE + 1])
        if not people:
            self.message_user(request, f"There is nobody to {_ASKED[action].lower()} among them.", messages.WARNING)
            return None
        if len(people) > _MOST_AT_ONCE:
            self.message_user(request, f"Choose at most {_MOST_AT_ONCE} people at once.", messages.ERROR)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{_ASKED[action]} {len(people)} {'person' if len(people) == 1 else 'people'}?",
            "action": action,
            "asked": _ASKED[action].lower(),
            "people": people,
            "shown": people[:_MOST_SHOWN],
            "more": len(people[_MOST_SHOWN:]),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/accounts/user/confirm_action.html", context)

    def _for_each(self, request: HttpRequest, people: "QuerySet[User]", service: Any, done: str) -> None:
        actor, count = actor_of_admin(request), 0
        for user in people:
            try:
                service(actor=actor, user=user)
                count += 1
            except AppError as error:
                self._tell(request, error)
        self.message_user(request, f"{count} {done}.", messages.SUCCESS if count else messages.WARNING)

    def _tell(self, request: HttpRequest, error: AppError) -> None:
        """What was refused stands in the audit log and on the page."""
        if isinstance(error, Refused):
            doors.record_refusal(actor_of_admin(request), f"admin {request.method} {request.path}"[:100], error)
        for text in [e.message for e in error.errors] or [error.detail]:
            self.message_user(request, text, messages.ERROR)


def _is_confirmed(request: HttpRequest) -> bool:
    """Only together with the ids that stood on the page, never for everybody there is."""
    return "confirmed" in request.POST and request.POST.get("select_across", "0") == "0"


def _record_view(request: HttpRequest, user: User | None = None) -> None:
    object_id = None if user is None else user.pk
    draft = EntryDraft("users.viewed", actor_of_admin(request), object_id=object_id, details={"door": "admin"})
    writer.submit(draft).result()


def _is_superuser(request: HttpRequest) -> bool:
    return cast(User, request.user).is_superuser
