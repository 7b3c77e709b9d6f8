"""Every setting, once, each with its reason. What an operator may change comes from the environment (config/env.py)."""

import os
from typing import Any
from urllib.parse import quote

from attachments.storage.checks import PROVIDERS, require_usable_storage
from config import env
from config.logs import configure_logging
from config.metrics.guard import require_long_token
from encryption.checks import require_sound_keys

DATA_DIR = env.DATA_DIR
BASE_DIR = env.BASE_DIR

# ---- Keys. No key, no start: the server never makes one up. ----
SECRET_KEY = env.secret("SECRET_KEY")
MASTER_KEYS = env.secret("MASTER_KEYS")
MASTER_KEY_ACTIVE = env.text("MASTER_KEY_ACTIVE")
JWT_KEYS = env.secret("JWT_KEYS")
KEY_EPOCH = env.text("KEY_EPOCH", "month")
require_sound_keys(MASTER_KEYS, MASTER_KEY_ACTIVE, SECRET_KEY, JWT_KEYS)

# ---- Who may reach us, and from where. ----
DEBUG = env.boolean("DEBUG", False)
PORT = env.integer("PORT", 8000, least=0)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
ALLOWED_ORIGINS = env.names("ALLOWED_ORIGINS")
ALLOW_NATIVE_CLIENTS = env.boolean("ALLOW_NATIVE_CLIENTS", True)
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0, least=0)
CORS_ORIGINS = env.names("CORS_ORIGINS")
CORS_ALLOW_ALL_ORIGINS = CORS_ORIGINS == ["*"]
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else CORS_ORIGINS
CORS_ALLOW_CREDENTIALS = bool(CORS_ALLOWED_ORIGINS)
CORS_ALLOW_HEADERS = ("authorization", "content-type", "x-parley")
CORS_EXPOSE_HEADERS = ("x-request-id", "retry-after", "content-disposition", "content-range", "accept-ranges")
CORS_URLS_REGEX = r"^/(api|files)/"
# Only a proxy that is ours may say that the client came by TLS.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

# ---- The parts of the project. ----
INSTALLED_APPS = [
    "config.admin_app.AdminConfig",  # Django's admin, with a first page of our own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "encryption",
    "audit",
    "retention",
    "realtime",
    "accounts",
    "attachments",
    "messaging",
    "config",
]
MIDDLEWARE = [
    "config.middleware.Envelope",
    "config.middleware.StaticFiles",
    "corsheaders.middleware.CorsMiddleware",
    "config.middleware.AdminSessions",
    "config.middleware.AdminAuthentication",
    "config.middleware.AdminMessages",
    "config.middleware.AdminSecondFactor",
    "config.gate.Gate",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False
# The headers that two of these would set come from config.middleware.Envelope; TLS, and the way to it, is the proxy's;
# the admin's views are under csrf_protect, and the API has no cookie that another site's page could use. Of the cookies
# config.checks says what Django's W010 does, by the name that the setting has here.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003", "security.W010"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# From where they lie, without a step that collects them.
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "config.formats"  # How the admin writes times.
# When the worker removes what is due, by the clock of TIME_ZONE: at night, when least is going on.
RETENTION_AT = env.time_of_day("RETENTION_AT", "03:00")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- The database: the truth. ----
# How many threads may use the database at once, for requests and sockets together. More than a process can keep busy
# only fight over the interpreter: with 16 a page of history cost a tenth more processor time than with 8.
DATABASE_THREADS = env.integer("DATABASE_THREADS", 8)
# Bytes of its disk that are given back when that is full, so that reading, which is recorded, goes on: room for some
# twenty thousand entries and a segment of write-ahead log. 0: none, and reading stops too.
DATABASE_RESERVE = env.integer("DATABASE_RESERVE", 32 << 20, least=0)
_SQLITE = {
    # WAL lets readers read while one writes; IMMEDIATE takes the write lock at BEGIN, so that a transaction waits
    # instead of failing half way; FULL makes an acknowledged message survive a power cut.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;",
}
_POSTGRESQL = {
    # A connection goes back to this pool after each use. Beyond the threads: the writer, the worker, a command, and the
    # admin's sessions, which Django reads in threads of its own.
    "pool": {"min_size": 2, "max_size": DATABASE_THREADS + 8, "timeout": 2},
    # Hot reads run on psycopg's own cursor, which prepares a statement when it comes for the fifth time.
    "prepare_threshold": 5,
}


def _database(address: str) -> dict[str, Any]:
    parsed = env.database("DATABASE_URL", address)
    options = _SQLITE if parsed["ENGINE"].endswith("sqlite3") else _POSTGRESQL
    return {**parsed, "CONN_HEALTH_CHECKS": True, "OPTIONS": {**parsed.get("OPTIONS", {}), **options}}


_SCHEMES = ("postgresql", "postgres", "sqlite")
DATABASE_URL = env.url("DATABASE_URL", _SCHEMES) or f"sqlite:///{quote(str(DATA_DIR / 'parley.sqlite3'))}"
DATABASE_OWNER_URL = env.url("DATABASE_OWNER_URL", _SCHEMES)
DATABASES: dict[str, dict[str, Any]] = {"default": _database(DATABASE_URL)}
if DATABASE_OWNER_URL and DATABASE_OWNER_URL != DATABASE_URL:
    # Commands that change tables connect as their owner; nothing else does.
    DATABASES["owner"] = env.database("DATABASE_OWNER_URL", DATABASE_OWNER_URL)

# ---- Redis: only a wake-up. ----
REDIS_URL = env.url("REDIS_URL", ("redis", "rediss", "unix"))
EMBEDDED = DATABASE_URL.startswith("sqlite") and not REDIS_URL
POKE_SHARDS = env.integer("POKE_SHARDS", 1)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # redis-py 8 ends idle reads after 5 s by default, and with them every idle subscription. A connection
            # whose other end is gone without a word is noticed by TCP.
            "hosts": [{"address": REDIS_URL, "socket_timeout": None, "socket_keepalive": True}],
            # Pokes hold ids: whoever reads Redis shall not see who talks to whom, and whoever writes to it shall not
            # speak to anybody's sockets.
            "symmetric_encryption_keys": [f"channel layer {SECRET_KEY}"],
        },
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A sign-in asks the cache; it falls back to stricter local limits rather than wait for a Redis that is gone.
        "OPTIONS": {
            "socket_timeout": 0.5,
            "socket_connect_timeout": 0.5,
            "serializer": "config.cache.WholeNumbers",
        },
    }
    if REDIS_URL
    # Room for the failed sign-ins of a busy attacker: what is dropped is forgiven.
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}

# ---- People and sessions. ----
# The admin's cookies; tokens of the API are not cookies.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.boolean("ADMIN_COOKIES_SECURE", not EMBEDDED)
# A second factor for everybody in the admin. Off where one tries Parley out; `check --deploy` insists on it.
ADMIN_REQUIRE_TOTP = env.boolean("ADMIN_REQUIRE_TOTP", False)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_ENGINE = "accounts.admin_sessions"
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "display_name", "email"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.MostlyNameValidator"},
]
ACCESS_TOKEN_LIFETIME = env.seconds("ACCESS_TOKEN_LIFETIME", 300)
REFRESH_IDLE_LIFETIME = env.seconds("REFRESH_IDLE_LIFETIME", 12 * 3600)
REFRESH_LIFETIME = env.seconds("REFRESH_LIFETIME", 7 * 86400)
REFRESH_GRACE = env.seconds("REFRESH_GRACE", 5, least=0)
TOKEN_LEEWAY = env.seconds("TOKEN_LEEWAY", 10, least=0)
DEMO_PASSWORD = env.secret("DEMO_PASSWORD")

# ---- Sockets, in seconds and counts. ----
AUTH_TIMEOUT = env.seconds("AUTH_TIMEOUT", 5)
HEARTBEAT = env.seconds("HEARTBEAT", 30)
HEARTBEAT_TIMEOUT = env.seconds("HEARTBEAT_TIMEOUT", 60)
IDLE_TIMEOUT = env.seconds("IDLE_TIMEOUT", 1800)
AWAY_AFTER = env.seconds("AWAY_AFTER", 300)
RECONNECT_GRACE = env.seconds("RECONNECT_GRACE", 10)
LEASE_TTL = env.seconds("LEASE_TTL", 60)
SWEEP_INTERVAL = env.seconds("SWEEP_INTERVAL", 15)
POLL_INTERVAL = env.seconds("POLL_INTERVAL", 1)
TYPING_FADE = env.seconds("TYPING_FADE", 3)
STALL_TIMEOUT = env.seconds("STALL_TIMEOUT", 30)
DRAIN_SPREAD = env.seconds("DRAIN_SPREAD", 20, least=0)
MAX_FRAME = env.integer("MAX_FRAME", 65536)
CONNECTIONS_PER_USER = env.integer("CONNECTIONS_PER_USER", 10)
UNAUTHENTICATED_PER_ADDRESS = env.integer("UNAUTHENTICATED_PER_ADDRESS", 200)
UNAUTHENTICATED_TOTAL = env.integer("UNAUTHENTICATED_TOTAL", 500)
MESSAGE_MAX_CHARACTERS = env.integer("MESSAGE_MAX_CHARACTERS", 5000)
MESSAGE_MAX_BYTES = env.integer("MESSAGE_MAX_BYTES", 16384)
ROOM_MAX_MEMBERS = min(env.integer("ROOM_MAX_MEMBERS", 500, least=2), 32_767)  # What its column can hold.

# ---- How often somebody may do something: LIMIT_<NAME>=count/seconds. ----
LIMITS = {
    name: env.rate(f"LIMIT_{name}", default)
    for name, default in {
        "REQUEST": "600/60",
        "MESSAGE_NEW": "60/60",
        "MESSAGE_DELIVERED": "100/60",
        "MESSAGE_READ": "100/60",
        "TYPING": "10/10",
        "PRESENCE_UPDATE": "20/60",
        "REACTION_NEW": "50/60",
        "REACTION_REMOVE": "50/60",
        "CALL_INITIATE": "5/60",
        "SEARCH": "30/60",
        "UPLOAD": "30/60",
        "DOWNLOAD": "600/60",
        "EXPORT": "5/86400",
        "FRAMES": "50/1",
        "CONNECTIONS_NEW": "30/60",
        "HANDSHAKES": "200/1",
        "LOGIN_FAILURES_ACCOUNT_ADDRESS": "10/900",
        "LOGIN_FAILURES_ACCOUNT": "50/900",
        "LOGIN_FAILURES_ADDRESS": "100/900",
        "REFRESH_FAILURES": "100/900",
        "PASSWORD_FAILURES": "10/900",
        # Three of a million codes are good at any moment: who guesses this often needs more than a year.
        "TOTP_FAILURES": "5/900",
    }.items()
}

# ---- Files. ----
ATTACHMENT_MAX_BYTES = env.integer("ATTACHMENT_MAX_BYTES", 50 << 20)
CHAT_MAX_ATTACHMENT_SIZE = env.integer("CHAT_MAX_ATTACHMENT_SIZE", 10 << 20)  # In rooms.
# Another address of this server for links to files, so that they are never of the origin that the page belongs to.
FILES_ORIGIN = env.url("FILES_ORIGIN", ("https", "http")).rstrip("/")
# Who says whether a file is clean: clamd, or nobody (then every file counts as clean; `check --deploy` refuses that).
ATTACHMENT_SCANNER = env.one_of("ATTACHMENT_SCANNER", ("clamd", "none"), "none")
CLAMD_URL = env.socket_address("CLAMD_URL", "unix:/run/clamav/clamd.ctl")
# Who keeps their bytes, which are sealed before they leave the process.
STORAGE_PROVIDER = env.one_of("STORAGE_PROVIDER", PROVIDERS, "local")
STORAGE_KEEP_FREE = env.integer("STORAGE_KEEP_FREE", 1 << 30, least=0)  # Of the disk that `local` writes to.
STORAGE_BUCKET = env.text("STORAGE_BUCKET")
STORAGE_S3_ENDPOINT = env.url("STORAGE_S3_ENDPOINT", ("https", "http"))
STORAGE_S3_REGION = env.text("STORAGE_S3_REGION")
STORAGE_S3_ACCESS_KEY = env.secret("STORAGE_S3_ACCESS_KEY")
STORAGE_S3_SECRET_KEY = env.secret("STORAGE_S3_SECRET_KEY")
STORAGE_AZURE_CONNECTION = env.secret("STORAGE_AZURE_CONNECTION")
STORAGE_GCS_CREDENTIALS = env.secret("STORAGE_GCS_CREDENTIALS")
require_usable_storage(
    *(STORAGE_PROVIDER, STORAGE_BUCKET, STORAGE_S3_ACCESS_KEY, STORAGE_S3_SECRET_KEY),
    *(STORAGE_AZURE_CONNECTION, STORAGE_GCS_CREDENTIALS),
)

# ---- REST. ----
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["core.rest.OrjsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["core.rest.OrjsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.openapi.Schema",
    "EXCEPTION_HANDLER": "core.rest.exception_handler",
    # Addresses answer in JSON and describe themselves at /api/schema: no `?format=`, no OPTIONS.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_METADATA_CLASS": None,
    # Nobody is nobody: no stand-in user whose rights a view could look at by mistake.
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Parley",
    "DESCRIPTION": "Secure messaging for clinics and campuses. Encrypted at rest with keys held by the server.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AttachmentStatus": "attachments.serializers.STATUSES",
        "ConversationKind": "messaging.models.conversation.Kind",
        "MemberRole": "messaging.models.membership.Role",
        "MessageStatus": "messaging.serializers.messages._STATUSES",
        "MessageType": "messaging.models.message.Type",
        "PresenceStatus": "accounts.serializers.STATUSES",
        "UserRole": "accounts.models.Role",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.openapi.document_problems"],
    # The labels of choices are the choices again.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "GET_LIB_DOC_EXCLUDES": "config.openapi.without_description",
}

# ---- Figures: /metrics, and a line with all of them in the log. ----
# Where it is set, prometheus-client writes to a file whenever something is counted; `core.figures` does that better.
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
METRICS_ENABLED = env.boolean("METRICS_ENABLED", True)
# Who may read them: whoever has this; without it this machine alone, and only while no proxy is in front.
METRICS_TOKEN = env.secret("METRICS_TOKEN")
require_long_token(METRICS_TOKEN)
METRICS_SUMMARY = env.seconds("METRICS_SUMMARY", 300)  # Between two such lines, of each process.

# ---- Logs: one JSON object a line, on standard error. Never a body, a query string, a token or a name. ----
LOG_LEVEL = env.one_of("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "INFO")
LOG_FORMAT = env.one_of("LOG_FORMAT", ("json", "console"), "console" if DEBUG else "json")
LOGGING_CONFIG = None
configure_logging(LOG_LEVEL, readable=LOG_FORMAT == "console")
