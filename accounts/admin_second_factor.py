"""The second factor in the admin: who has one shows it at sign-in, and the page on which it is set up.

A session remembers which authenticator app was shown when it began. It goes on only as long as that one stands: a
session from before there was one ends when one is set up elsewhere, and so does one of an app that was removed.
"""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp import login as note_device

from accounts import services, totp
from accounts.admin_forms import CodeInput, actor_of_admin
from accounts.models import TotpDevice, User
from core.errors import AppError

_TEMPLATE = "admin/accounts/second_factor.html"


class CodeForm(forms.Form):
    """A code of the app, and what it is shown for."""

    code = forms.CharField(label="Code", required=False, max_length=totp.LONGEST_TYPED, widget=CodeInput)


def ask_for(request: HttpRequest) -> HttpResponse | None:
    """None where the request may go on; else where it has to go first. For every page of the admin.

    With an authenticator app: to sign in with it. Without one, where `ADMIN_REQUIRE_TOTP` says that everybody has one:
    to the page on which it is set up.
    """
    user = request.user
    if not user.is_authenticated or request.path in _always_open():
        return None
    device = services.device_of(user.pk)
    if device is not None:
        return None if _was_shown(request, device) else _sign_in_again(request)
    if _shown(request) is not None:
        return _sign_in_again(request)  # What was shown is no more.
    if settings.ADMIN_REQUIRE_TOTP and request.path != reverse("second-factor"):
        return HttpResponseRedirect(reverse("second-factor"))
    return None


def _always_open() -> set[str]:
    return {reverse("admin:login"), reverse("admin:logout")}


def _shown(request: HttpRequest) -> str | None:
    found: str | None = request.session.get(DEVICE_ID_SESSION_KEY)
    return found


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""


def _was_shown(request: HttpRequest, device: TotpDevice) -> bool:
    return _shown(request) == str(device.persistent_id)


def _sign_in_again(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect_to_login(request.get_full_path(), reverse("admin:login"))


@sensitive_post_parameters()
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set up, new recovery codes, remove: whichever button was pressed."""
    device = services.device_of(cast(User, request.user).pk)
    if request.method != "POST":
        return _page(request, device)
    if "confirm" in request.POST:
        return _act(request, _confirm)
    if "renew" in request.POST:
        return _act(request, _renew)
    return _act(request, _remove)


def _act(request: HttpRequest, action: Any) -> HttpResponse:
    """What was refused stands beside the field."""
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            return cast(HttpResponse, action(request, form.cleaned_data["code"]))
        except AppError as error:
            form.add_error("code", [e.message for e in error.errors] or error.detail)
    return _page(request, services.device_of(cast(User, request.user).pk), form)


def _confirm(request: HttpRequest, code: str) -> HttpResponse:
    device, codes = services.confirm_second_factor(actor=actor_of_admin(request), session=_session(request), code=code)
    request.session.cycle_key()
    note_device(request, device)
    return _page(request, device, codes=codes)


def _renew(request: HttpRequest, code: str) -> HttpResponse:
    codes = services.renew_recovery_codes(actor=actor_of_admin(request), code=code)
    return _page(request, services.device_of(cast(User, request.user).pk), codes=codes)


def _remove(request: HttpRequest, code: str) -> HttpResponse:
    services.remove_own_second_factor(actor=actor_of_admin(request), code=code)
    request.session.pop(DEVICE_ID_SESSION_KEY, None)
    messages.success(request, "The authenticator app is not asked any more.")
    return HttpResponseRedirect(reverse("second-factor"))


def _page(
    request: HttpRequest, device: TotpDevice | None, form: CodeForm | None = None, codes: list[str] | None = None
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Authenticator app",
        "device": device,
        "form": form or CodeForm(),
        "codes": codes,
        "required": settings.ADMIN_REQUIRE_TOTP,
        **({} if device else _to_scan(request)),
        **({"left": device.recovery_codes.filter(used_at=None).count()} if device else {}),
    }
    return TemplateResponse(request, _TEMPLATE, context)


def _to_scan(request: HttpRequest) -> dict[str, str]:
    secret = services.begin_second_factor(actor=actor_of_admin(request), session=_session(request)).secret
    shown = totp.picture(totp.address(secret, cast(User, request.user).username))
    return {"picture": mark_safe(shown), "secret": totp.in_groups(secret)}  # noqa: S308  segno's own, of modules alone


urlpatterns = [path("admin/second-factor/", admin.site.admin_view(second_factor), name="second-factor")]
"""Before the admin's own addresses: config.urls."""
