"""Forms of the admin: signing in and changing one's password with the same limits as everywhere, creating a person."""

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

import audit
from accounts import limiting, passwords, services, totp
from accounts.authentication import address_of
from accounts.models import Role, User
from accounts.services.signing_in import actor_of
from core.actor import SYSTEM, SYSTEM_ID, Actor
from core.errors import AppError, Invalid, RateLimited
from core.rest.errors import request_id_of

if TYPE_CHECKING:
    _UserForm = forms.ModelForm[User]
else:  # Django's own class takes no parameters
    _UserForm = forms.ModelForm


def actor_of_admin(request: HttpRequest) -> Actor:
    """Who acts in the admin; its sessions are Django's own and have no id here."""
    return actor_of(cast(User, request.user), None, address_of(request), request_id_of(request))


class CodeInput(forms.TextInput):
    """For a code that is typed once: a form that comes back with an error does not show it again."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "one-time-code", "spellcheck": "false"})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class CountingLoginForm(AdminAuthenticationForm):
    """The admin's sign-in. Failures count together with those of `POST /auth/token`; both leave the same records.

    The field for the code is always there, so that the form tells nobody who has an authenticator app.
    """

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=totp.LONGEST_TYPED,
        widget=CodeInput,
        help_text="Of your authenticator app, or a recovery code. Leave it empty if you have not set one up.",
    )

    def clean(self) -> dict[str, Any]:
        if self.errors:  # Nothing was tried.
            return self.cleaned_data
        request = cast(HttpRequest, self.request)
        failures = limiting.login_failures(self.cleaned_data["username"], address_of(request))
        try:
            passwords.require_usable(self.cleaned_data["password"], "password")
            failures.require_room()
            with passwords.hashing():
                failures.require_room()
                cleaned = self._clean_counted(failures)
            self._show_second_factor()
        except (RateLimited, Invalid) as error:
            raise ValidationError([e.message for e in error.errors] or error.detail, code=error.code) from None
        self._record("session.started", self.get_user())
        return cleaned

    def _clean_counted(self, failures: limiting.Failures) -> dict[str, Any]:
        try:
            return super().clean()
        except ValidationError:
            failures.count()
            self._record("session.refused", User.objects.find(self.cleaned_data["username"]))
            raise

    def _show_second_factor(self) -> None:
        """django-otp then notes in the new session which device it was (`accounts.admin_second_factor`)."""
        request, user = cast(HttpRequest, self.request), self.get_user()
        actor = actor_of(user, None, address_of(request), request_id_of(request))
        user.otp_device = services.show_second_factor(actor=actor, code=self.cleaned_data["code"])  # type: ignore[attr-defined]  # read by django_otp

    def _record(self, action: str, user: User | None) -> None:
        request = cast(HttpRequest, self.request)
        address, request_id = address_of(request), request_id_of(request)
        if user is None:
            actor = Actor(SYSTEM_ID, SYSTEM.role, address=address, request_id=request_id)
        else:
            actor = actor_of(user, None, address, request_id)
        with audit.transaction():
            audit.record(
                action,
                actor=actor,
                object_id=None if user is None else user.id,
                outcome="allow" if action == "session.started" else "deny",
                reason="admin",
            )


class OwnPasswordForm(PasswordChangeForm):
    """The fields alone: `services.change_password` looks at the passwords, and counts the wrong ones."""

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def validate_password_for_user(self, user: AbstractBaseUser, password_field_name: str = "") -> None:
        """Left to the service."""


class OwnPasswordChange(PasswordChangeView):
    """Somebody changes their own password in the admin: this session of theirs stays, all others end."""

    form_class = OwnPasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        given = form.cleaned_data
        try:
            services.change_password(
                actor=actor_of_admin(self.request),
                current_password=given["old_password"],
                new_password=given["new_password1"],
            )
        except AppError as refused:
            _explain(form, refused)
            return self.form_invalid(form)
        form.user.refresh_from_db()
        update_session_auth_hash(self.request, form.user)
        return HttpResponseRedirect(self.get_success_url())


def _explain(form: Any, refused: AppError) -> None:
    fields = {"currentPassword": "old_password", "newPassword": "new_password1"}
    for error in refused.errors:
        form.add_error(fields[error.field], error.message)
    if not refused.errors:  # Django's page shows only what belongs to a field.
        form.add_error("old_password", refused.detail)


class PersonForm(_UserForm):
    """A new person, or the rights of one. Saving is the services' business."""

    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        max_length=passwords.LONGEST,
        required=False,
        help_text="Leave it empty for somebody who shall not be able to sign in yet.",
    )

    class Meta:
        model = User
        fields = (
            *("username", "display_name", "email", "time_zone", "language"),
            *("role", "is_staff", "is_superuser", "groups"),
        )
        widgets: ClassVar[dict[str, type[forms.Widget]]] = {"groups": forms.CheckboxSelectMultiple}
        help_texts: ClassVar[dict[str, str]] = {"groups": "What they may do in the admin, if they may use it."}

    def clean_role(self) -> str:
        return Role(self.cleaned_data["role"]).value

    def clean_password(self) -> str | None:
        return self.cleaned_data["password"] or None

    def _post_clean(self) -> None:
        """Django's own place for it: before, the person has no names that a password could repeat."""
        super()._post_clean()  # type: ignore[misc]  # in Django, but not in its stubs
        if password := self.cleaned_data.get("password"):
            try:
                passwords.require_strong(password, self.instance, "password")
            except Invalid as weak:
                self.add_error("password", [error.message for error in weak.errors])
