"""Forms of the admin: signing in with the same limits as everywhere, and creating a person."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

import audit
from accounts import limiting, passwords
from accounts.authentication import address_of
from accounts.models import Role, User
from accounts.services.signing_in import actor_of
from core.actor import SYSTEM, SYSTEM_ID, Actor
from core.errors import Invalid, RateLimited
from core.rest.errors import request_id_of

if TYPE_CHECKING:
    _UserForm = forms.ModelForm[User]
else:  # Django's own class takes no parameters
    _UserForm = forms.ModelForm


def actor_of_admin(request: HttpRequest) -> Actor:
    """Who acts in the admin; its sessions are Django's own and have no id here."""
    return actor_of(cast(User, request.user), None, address_of(request), request_id_of(request))


class CountingLoginForm(AdminAuthenticationForm):
    """The admin's sign-in. Failures count together with those of `POST /auth/token`; both leave the same records."""

    def clean(self) -> dict[str, Any]:
        request = cast(HttpRequest, self.request)
        failures = limiting.login_failures(self.cleaned_data.get("username", ""), address_of(request))
        try:
            passwords.require_usable(self.cleaned_data.get("password", ""), "password")
            failures.require_room()
            with passwords.hashing():
                failures.require_room()
                cleaned = self._clean_counted(failures)
        except (RateLimited, Invalid) as error:
            raise ValidationError(error.detail, code=error.code) from None
        self._record("session.started", self.get_user())
        return cleaned

    def _clean_counted(self, failures: limiting.Failures) -> dict[str, Any]:
        try:
            return super().clean()
        except ValidationError:
            failures.count()
            self._record("session.refused", User.objects.find(self.cleaned_data.get("username", "")))
            raise

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
        fields = ("username", "display_name", "email", "time_zone", "language", "role", "is_staff", "is_superuser")

    def clean_role(self) -> str:
        return Role(self.cleaned_data["role"]).value

    def clean_password(self) -> str | None:
        password = self.cleaned_data["password"] or None
        if password is not None:
            try:
                passwords.require_strong(password, self.instance, "password")
            except Invalid as weak:
                raise ValidationError([error.message for error in weak.errors]) from None
        return password
