"""What must not reach production: found by `manage.py check --deploy`, each with what to do."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from config import env

_POSTGRESQL = "django.db.backends.postgresql"


@register(Tags.security, deploy=True)
def exposure(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Settings that show too much to too many."""
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("DEBUG is on: error pages show settings and data.", hint="Unset DEBUG.", id="parley.E001"))
    if "*" in settings.ALLOWED_HOSTS or not settings.ALLOWED_HOSTS:
        found.append(Error("ALLOWED_HOSTS allows every name.", hint="Name the hosts you serve.", id="parley.E002"))
    if "*" in settings.CORS_ORIGINS:
        found.append(Error("CORS_ORIGINS is *.", hint="Name each origin, or leave it empty.", id="parley.E003"))
    if "*" in settings.ALLOWED_ORIGINS:
        found.append(Error("ALLOWED_ORIGINS is *.", hint="Name each origin of your web apps.", id="parley.E004"))
    return found


@register(Tags.database, deploy=True)
def stores(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Databases that cannot carry a clinic."""
    if settings.DATABASES["default"]["ENGINE"] != _POSTGRESQL:
        hint = "Set DATABASE_URL to a PostgreSQL database."
        return [checks.Warning("The embedded database is for one process.", hint=hint, id="parley.W001")]
    found: list[CheckMessage] = []
    if "owner" not in settings.DATABASES:
        hint = "Set DATABASE_OWNER_URL to the role that owns the tables, and DATABASE_URL to another."
        found.append(Error("The server's role owns the audit log.", hint=hint, id="parley.E005"))
    if not settings.REDIS_URL:
        hint = "Set REDIS_URL; without it only one process may run."
        found.append(checks.Warning("There is no Redis.", hint=hint, id="parley.W002"))
    if settings.DATABASES["default"]["OPTIONS"].get("sslmode") not in {"verify-full", "verify-ca"}:
        hint = "Add ?sslmode=verify-full to DATABASE_URL unless the database is reached over a local socket."
        found.append(checks.Warning("The database's certificate is not verified.", hint=hint, id="parley.W003"))
    return found


@register(Tags.security, deploy=True)
def surroundings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if env.text("TRUSTED_PROXIES"):
        return []
    hint = "Set it to the number of proxies in front (0 for none): login limits go by the client's address."
    return [checks.Warning("TRUSTED_PROXIES is not set.", hint=hint, id="parley.W004")]
