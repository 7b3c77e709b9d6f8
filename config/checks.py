"""What must not reach production: found by `manage.py check --deploy`, each with what to do."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from config import env

_POSTGRESQL = "django.db.backends.postgresql"
_HERE = {"", "localhost", "127.0.0.1", "::1"}
"""Hosts whose connections do not leave the machine; a path is a local socket."""


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
    if not env.text("TRUSTED_PROXIES"):
        hint = "Set it to the number of proxies in front (0 for none): login limits go by the client's address."
        found.append(checks.Warning("TRUSTED_PROXIES is not set.", hint=hint, id="parley.W004"))
    return found


@register(Tags.security, deploy=True)
def signing_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The key that signs page cursors and the admin's sessions cannot be guessed."""
    key: str = settings.SECRET_KEY
    if len(key) >= 43 and len(set(key)) >= 16:  # 43 characters of base64 are 32 bytes
        return []
    hint = "Use 48 random bytes: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    return [Error("SECRET_KEY is short or repeats itself.", hint=hint, id="parley.E006")]


@register(Tags.database, deploy=True)
def stores(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Databases that cannot carry a clinic."""
    if settings.DATABASES["default"]["ENGINE"] != _POSTGRESQL:
        hint = "Set DATABASE_URL to a PostgreSQL database."
        return [checks.Warning("The embedded database is for one process.", hint=hint, id="parley.W001")]
    return [*_roles(), *_without_redis(), *_in_the_clear()]


_RIGHTS = """
    SELECT rolsuper OR pg_has_role(current_user, relowner, 'MEMBER')
    FROM pg_roles, pg_class WHERE rolname = current_user AND pg_class.oid = to_regclass('audit_entry')
"""


def _roles() -> list[CheckMessage]:
    """Asked of the database: settings do not say who owns a table, nor who is a superuser."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_RIGHTS)
            rights = cursor.fetchone()
    except DatabaseError as error:
        message = f"The database could not be asked who owns the audit log ({type(error).__name__})."
        return [checks.Warning(message, hint="See to it that DATABASE_URL works.", id="parley.W006")]
    if rights is None:
        hint = "Run `migrate --database owner`, then this check again."
        return [checks.Warning("There is no audit log yet, so nobody owns it.", hint=hint, id="parley.W007")]
    if not rights[0]:
        return []
    hint = "Set DATABASE_OWNER_URL to the role that owns the tables, and DATABASE_URL to another that is no superuser."
    return [Error("The server's role can change the audit log.", hint=hint, id="parley.E005")]


def _without_redis() -> list[CheckMessage]:
    if settings.REDIS_URL:
        return []
    hint = "Set REDIS_URL; without it only one process may run."
    return [checks.Warning("There is no Redis.", hint=hint, id="parley.W002")]


def _in_the_clear() -> list[CheckMessage]:
    """Connections that leave the machine and do not know for certain whom they reach."""
    found: list[CheckMessage] = []
    database, redis = settings.DATABASES["default"], urlsplit(settings.REDIS_URL)
    if _is_elsewhere(database["HOST"]) and database["OPTIONS"].get("sslmode") not in {"verify-full", "verify-ca"}:
        hint = "Add ?sslmode=verify-full to DATABASE_URL."
        found.append(checks.Warning("The database's certificate is not verified.", hint=hint, id="parley.W003"))
    if redis.scheme == "redis" and _is_elsewhere(redis.hostname or ""):
        hint = "Begin REDIS_URL with rediss://."
        found.append(checks.Warning("Redis is reached without TLS.", hint=hint, id="parley.W005"))
    return found


def _is_elsewhere(host: str) -> bool:
    return host not in _HERE and not host.startswith("/")
