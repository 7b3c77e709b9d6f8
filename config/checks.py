"""What must not reach production: found by `manage.py check --deploy`, each with what to do."""

import io
import secrets
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection
from django.http.request import split_domain_port, validate_host

from attachments.scanning.clamd import Failure
from attachments.scanning.probing import objections, takes
from attachments.scanning.standing import Standing, ask
from attachments.storage import ObjectGone, StorageUnavailable, new_key, object_store
from attachments.uploading import largest_file
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
def cookies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """As Django's own check (silenced in the settings), which names a setting that nobody sets here."""
    if settings.SESSION_COOKIE_SECURE:
        return []
    hint = "Set ADMIN_COOKIES_SECURE=true."
    return [checks.Warning("The admin's cookies may travel without TLS.", hint=hint, id="parley.W017")]


@register(Tags.security, deploy=True)
def signing_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The key that signs page cursors and the admin's sessions cannot be guessed."""
    key: str = settings.SECRET_KEY
    if len(key) >= 43 and len(set(key)) >= 16:  # 43 characters of base64 are 32 bytes
        return []
    hint = "Use 48 random bytes: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    return [Error("SECRET_KEY is short or repeats itself.", hint=hint, id="parley.E006")]


@register(Tags.security, deploy=True)
def scanner(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Files that nobody looks into, or that clamd only seems to look into."""
    if settings.ATTACHMENT_SCANNER == "none":
        hint = "Set ATTACHMENT_SCANNER=clamd, and CLAMD_URL to where clamd listens."
        return [Error("Files are not scanned: every upload counts as clean.", hint=hint, id="parley.E007")]
    standing = ask()
    if standing is Standing.UNAVAILABLE:
        hint = "See to it that clamd runs and that CLAMD_URL says where; until then no file can be sent."
        return [*_shown_in_the_clear(), checks.Warning("clamd does not answer.", hint=hint, id="parley.W008")]
    return [*_shown_in_the_clear(), *_signatures(standing), *_looked_into()]


def _shown_in_the_clear() -> list[CheckMessage]:
    """clamd has no TLS and asks for no password, and what it is shown is not sealed yet."""
    address = urlsplit(settings.CLAMD_URL)
    if address.scheme != "tcp" or not is_elsewhere(address.hostname or ""):
        return []
    hint = "Let clamd run on the same host (CLAMD_URL=unix:…), or let nobody else be on the network between them."
    return [checks.Warning("Files pass to clamd in the clear.", hint=hint, id="parley.W013")]


def _signatures(standing: Standing) -> list[CheckMessage]:
    """Their age."""
    hint = "Run freshclam, and keep it running."
    if standing is Standing.TOO_OLD:
        message = "clamd's signatures are older than 30 days or of no known date: no file is called clean."
        return [Error(message, hint=hint, id="parley.E008")]
    if standing is Standing.OUTDATED:
        return [checks.Warning("clamd's signatures are older than 7 days.", hint=hint, id="parley.W009")]
    return []


def _looked_into() -> list[CheckMessage]:
    """Asked of clamd, with harmless files: its own defaults call archives clean that it did not open."""
    try:
        return [
            *(
                Error(
                    f"clamd does not object to {probe.what}.",
                    hint=f"In clamd.conf: {probe.setting}. deploy/clamd.conf has all that is needed.",
                    id="parley.E009",
                )
                for probe in objections()
            ),
            *_cut_short(),
        ]
    except Failure as error:
        message = f"clamd could not be shown harmless files ({type(error).__name__})."
        return [checks.Warning(message, hint="See to it that clamd works.", id="parley.W010")]


def _cut_short() -> list[CheckMessage]:
    """Files that may be uploaded, and of which clamd then hears only the beginning."""
    if takes(largest_file()):
        return []
    hint = f"In clamd.conf: StreamMaxLength {largest_file()} or more; until then larger files are blocked."
    return [checks.Warning("clamd takes smaller files than Parley does.", hint=hint, id="parley.W016")]


@register(Tags.security, deploy=True)
def links(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """An address of files that the server refuses, or browsers."""
    host, _ = split_domain_port(urlsplit(settings.FILES_ORIGIN).netloc)
    if not host:
        return []
    found: list[CheckMessage] = []
    if not validate_host(host, settings.ALLOWED_HOSTS):
        hint = f"Add {host} to ALLOWED_HOSTS; until then every link to a file answers 400."
        found.append(checks.Warning("FILES_ORIGIN is no host of this server.", hint=hint, id="parley.W014"))
    pages = [page.removeprefix(".") for page in settings.ALLOWED_HOSTS if page != host]
    if pages and "*" not in pages and not any(_are_one_site(page, host) for page in pages):
        hint = "Give it a name beside the page's, as in docs/files.md: browsers give files to no other site."
        found.append(checks.Warning("FILES_ORIGIN is of another site than the page.", hint=hint, id="parley.W015"))
    return found


def _are_one_site(one: str, other: str) -> bool:
    """Never False for one site. Without the list of public suffixes it may be True for two, beneath `co.uk`."""
    is_address = other.replace(".", "").isdigit() or ":" in other
    return one == other or (not is_address and "." in other and one.split(".")[-2:] == other.split(".")[-2:])


@register(Tags.security, deploy=True)
def files(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A storage that is reached in the clear, or that does not keep what it is given."""
    found: list[CheckMessage] = []
    address = urlsplit(storage_address())
    if address.scheme == "http" and is_elsewhere(address.hostname or ""):
        hint = "Let its address begin with https://."
        found.append(checks.Warning("The storage of files is reached without TLS.", hint=hint, id="parley.W011"))
    if not _keeps_files():
        hint = "The log above says why. Until it is mended no file can be sent or opened; messages go on."
        found.append(checks.Warning("The storage does not keep files.", hint=hint, id="parley.W012"))
    return found


def storage_address() -> str:
    """As far as the settings say it. What goes there is sealed, but whoever listens sees who may ask for it."""
    if settings.STORAGE_PROVIDER == "s3":
        return str(settings.STORAGE_S3_ENDPOINT)
    if settings.STORAGE_PROVIDER == "azure":
        pairs = (part.partition("=") for part in settings.STORAGE_AZURE_CONNECTION.split(";"))
        parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return parts.get("blobendpoint") or f"{parts.get('defaultendpointsprotocol', 'https')}://{parts['accountname']}"
    return ""


def _keeps_files() -> bool:
    """Asked of the storage: settings do not say what somebody may do in a bucket."""
    key, content = new_key(), secrets.token_bytes(64)
    try:
        store = object_store()
        store.write(key, io.BytesIO(content))
        kept = b"".join(store.read(key, 0, len(content) + 1)) == content == content[: store.size(key)]
        store.delete(key)
    except (StorageUnavailable, ObjectGone):
        return False
    return kept


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
    if is_elsewhere(database["HOST"]) and database["OPTIONS"].get("sslmode") not in {"verify-full", "verify-ca"}:
        hint = "Add ?sslmode=verify-full to DATABASE_URL."
        found.append(checks.Warning("The database's certificate is not verified.", hint=hint, id="parley.W003"))
    if redis.scheme == "redis" and is_elsewhere(redis.hostname or ""):
        hint = "Begin REDIS_URL with rediss://."
        found.append(checks.Warning("Redis is reached without TLS.", hint=hint, id="parley.W005"))
    return found


def is_elsewhere(host: str) -> bool:
    """Whether connections to this host leave the machine."""
    return host not in _HERE and not host.startswith("/")
