"""What about accounts is wrong with the settings or the machine."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from accounts.validators import time_zones

_ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"


@register(Tags.security)
def time_zone_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Profiles take only time zones this machine knows."""
    if "Europe/Berlin" in time_zones():
        return []
    hint = "Install the system's tzdata package, or the one from PyPI."
    return [
        checks.Warning("There is no time zone database: nobody can choose a time zone.", hint=hint, id="accounts.W001")
    ]


@register(Tags.security, deploy=True)
def second_factor(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Staff sign in to the admin with more than a password."""
    if settings.ADMIN_REQUIRE_TOTP:
        return []
    hint = "Set ADMIN_REQUIRE_TOTP=true: who has no authenticator app sets one up at their next sign-in."
    return [Error("The admin can be used with a password alone.", hint=hint, id="accounts.E002")]


@register(Tags.security, deploy=True)
def password_hashers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Passwords are stored with argon2, Django's own costs."""
    if settings.PASSWORD_HASHERS[:1] == [_ARGON2]:
        return []
    return [Error("PASSWORD_HASHERS does not begin with argon2.", hint=f"Put {_ARGON2} first.", id="accounts.E001")]
