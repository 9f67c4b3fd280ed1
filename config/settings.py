"""The one settings module: everything comes from the environment; docs/operations/settings.md lists it."""

from operator import attrgetter
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF

from config import environment as env

# Lets generic Django classes be written as such: ModelAdmin[Any].
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("WAYFORK_DATA", str(BASE_DIR / "var"))).resolve()

# --- who we are and how careful to be
DEBUG = env.flag("WAYFORK_DEBUG", default=False)
INSECURE_SECRET = "insecure-secret-for-development-and-tests-only"  # noqa: S105 - refused in production
SECRET_KEY = env.text("WAYFORK_SECRET_KEY", INSECURE_SECRET)
PRODUCTION = env.flag("WAYFORK_PRODUCTION", default=False)
WAYFORK_URL = env.text("WAYFORK_URL", "http://127.0.0.1:8000")
ALLOWED_HOSTS = env.names("WAYFORK_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("WAYFORK_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env.number("WAYFORK_TRUSTED_PROXIES", 0)

# --- rooms
INSTALLED_APPS = [
    "daphne",
    "config.apps.ConfigConfig",
    "experiments.apps.ExperimentsConfig",
    "metrics.apps.MetricsConfig",
    "flags.apps.FlagsConfig",
    "accounts.apps.AccountsConfig",
    "config.apps.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "drf_spectacular",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.web.origin.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.web.last_seen.LastSeenMiddleware",
    "accounts.web.private.PrivatePagesMiddleware",
    "accounts.web.refusals.RefusedWritesMiddleware",
    "accounts.sso.middleware.CompanySessionMiddleware",
    "accounts.web.problems.ProblemMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.web.context.place",
            ],
        },
    },
]

# --- data
DATABASE_URL = env.text("DATABASE_URL")
if DATABASE_URL:
    DATABASES: dict[str, Any] = {"default": environ.Env.db_url_config(DATABASE_URL)}
    # One pool per process: daphne and uvicorn give each request a thread of its own, and what
    # a thread kept would stay open behind it (20 people at once left 107 connections).
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "pool": {"min_size": 1, "max_size": 20, "timeout": 10},
        **DATABASES["default"].get("OPTIONS", {}),
    }
else:
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "wayfork.sqlite3",
            # Write transactions take their lock at the start, so they wait instead of failing.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32000;"
                ),
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL")
# channels_redis 4.3 loses subscriptions under redis-py 8's default socket timeout and pool size.
_REDIS_HOST = {"address": REDIS_URL, "socket_timeout": None, "max_connections": 1000}
CHANNEL_LAYERS: dict[str, Any] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [_REDIS_HOST], "prefix": "wayfork"},
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}
CACHES: dict[str, Any] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # The 300 it keeps by itself are soon pushed out, and limits are counted here.
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    )
}

# --- work in the background: JSON messages that carry ids, no results kept
CELERY_BROKER_URL = REDIS_URL or "memory://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS = {} if REDIS_URL else {"polling_interval": 0.05}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# What rang while no worker listened is not made up for: each ring does all there is to do.
CELERY_BEAT_SCHEDULE = {
    # The chains of the audit history are proved, what is new often and all of it daily; their
    # heads are written down outside the database.
    "audit-proofs": {
        "task": "accounts.tasks.prove_new_lines",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "audit-anchors": {
        "task": "accounts.tasks.anchor_heads",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "audit-whole": {
        "task": "accounts.tasks.prove_all_lines",
        "schedule": 86_400.0,
        "options": {"expires": 3600},
    },
    # Sampled contexts older than a week go, also where no new ones come.
    "contexts": {
        "task": "flags.tasks.forget_contexts",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    # Cohort counts of yesterday and what came late; catches up by itself after an outage.
    "exposures": {
        "task": "experiments.tasks.count_exposures_nightly",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    # Jobs that were queued when a process died are rung again.
    "jobs": {
        "task": "experiments.tasks.sweep_jobs",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    # Change requests whose time has come apply; what was missed is made up for at the next ring.
    "schedules": {
        "task": "flags.tasks.apply_due_changes",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    # With Redis, accepted event batches wait in a stream until they are copied into the table.
    "events": {
        "task": "metrics.tasks.drain_events",
        "schedule": 1.0,
        "options": {"expires": 10},
    },
    # The ledger's new lines become notices and messages; what waits is sent and mailed.
    "ledger": {
        "task": "accounts.tasks.follow_ledger",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "mail": {
        "task": "accounts.tasks.mail_notices",
        "schedule": 10.0,
        "options": {"expires": 60},
    },
    "digest": {
        "task": "accounts.tasks.mail_digests",
        "schedule": crontab(hour="7", minute="0"),
        "options": {"expires": 3600 * 12},
    },
}
if not REDIS_URL:
    del CELERY_BEAT_SCHEDULE["events"]

# --- people
AUTH_USER_MODEL = "accounts.User"
# E-mail addresses are unique in any case of letters, by a constraint this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    # Brings back people whom a company's provider signed in; takes no credentials itself.
    "accounts.sso.backend.ProviderBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.signin.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Whoever signs up chooses a name, and letters go to whatever address they give: no name in those.
ACCOUNT_USER_DISPLAY = attrgetter("email")
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# Without a mail server nobody could follow the link.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if env.text("EMAIL_URL") else "optional"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_FORMS = {"signup": "accounts.signin.forms.SignUpForm"}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
# The password (or a factor) again before e-mail addresses and factors change.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "accounts.signin.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_FORMS = {
    "authenticate": "accounts.signin.forms.CodeForm",
    "authenticate_webauthn": "accounts.signin.forms.PasskeyForm",
    "add_webauthn": "accounts.signin.forms.NewPasskeyForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# One step of 30 seconds either way, for telephones whose clock is off.
MFA_TOTP_TOLERANCE = 1
# Whoever must prove the address does so before the first sign-in (accounts.signin.stages).
MFA_ALLOW_UNVERIFIED_EMAIL = True
WAYFORK_OPEN_SIGN_UP = env.flag("WAYFORK_OPEN_SIGN_UP", default=False)
# Whoever may come unasked needs a place of their own; elsewhere operators make organizations.
WAYFORK_OPEN_ORGANIZATIONS = env.flag("WAYFORK_OPEN_ORGANIZATIONS", default=WAYFORK_OPEN_SIGN_UP)
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if env.text("EMAIL_URL"):
    vars().update(environ.Env.email_url_config(env.text("EMAIL_URL")))

# --- browsers
SECURE_COOKIES = WAYFORK_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_NAME = "__Host-session" if SECURE_COOKIES else "wayfork_session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE_COOKIES else "wayfork_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "accounts.web.problems.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

# --- files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Files are served from where they lie: no collect step stands between a change and the page.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- language and time
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# --- REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.bodies.JSONBody"],
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.OperationSchema",
    "EXCEPTION_HANDLER": "accounts.web.problems.rest_exception",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wayfork",
    "DESCRIPTION": "Feature flags, safe releases and A/B tests.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # Choices stand where they are used; made-up names for them would help nobody.
    "POSTPROCESSING_HOOKS": [],
    "COMPONENT_SPLIT_PATCH": False,
}

# --- Wayfork's own limits; consumers accept up to 4 MB, the publisher stops earlier
SNAPSHOT_LIMIT_BYTES = env.number("WAYFORK_SNAPSHOT_LIMIT_BYTES", 2_000_000)
# Requests a minute over REST; 0 counts none.
REST_PER_PERSON = env.number("WAYFORK_REST_PER_PERSON", 600)
REST_PER_ORGANIZATION = env.number("WAYFORK_REST_PER_ORGANIZATION", 3_000)
VERSION_CHECK_SECONDS = env.number("WAYFORK_VERSION_CHECK_SECONDS", 3)
RECONNECT_WINDOW_SECONDS = env.number("WAYFORK_RECONNECT_WINDOW_SECONDS", 30)
# Places for sampled contexts in each environment; 0 keeps none.
CONTEXT_SLOTS = env.number("WAYFORK_CONTEXT_SLOTS", 12_000)
EVENT_BODY_LIMIT_BYTES = env.number("WAYFORK_EVENT_BODY_LIMIT_BYTES", 1_000_000)
# Of the batches that wait to be stored, those of one environment.
EVENT_SHARE_PERCENT = env.number("WAYFORK_EVENT_SHARE_PERCENT", 20)
# What one process takes of one caller: calls a second, and streams at a time; 0 counts none.
SDK_CALLS_PER_KEY = env.number("WAYFORK_SDK_CALLS_PER_KEY", 500)
SDK_CALLS_PER_ADDRESS = env.number("WAYFORK_SDK_CALLS_PER_ADDRESS", 100)
SDK_STREAMS_PER_KEY = env.number("WAYFORK_SDK_STREAMS_PER_KEY", 10_000)
SDK_STREAMS_PER_ADDRESS = env.number("WAYFORK_SDK_STREAMS_PER_ADDRESS", 1_500)
PAGES_PER_PERSON = env.number("WAYFORK_PAGES_PER_PERSON", 30)
# Networks beside the public ones that outbound calls may reach, also over plain http.
OUTBOUND_ALLOW = env.names("WAYFORK_OUTBOUND_ALLOW")
# Name servers that are asked whose a domain is; the machine's own when none is named.
DNS_SERVERS = env.names("WAYFORK_DNS_SERVERS")
# Whether operators need a second factor in the session with which they open the admin.
ADMIN_SECOND_FACTOR = env.flag("WAYFORK_ADMIN_SECOND_FACTOR", default=PRODUCTION)
# Where the heads of the audit history are written down; on another machine they prove more.
AUDIT_ANCHORS = Path(env.text("WAYFORK_AUDIT_ANCHORS", str(DATA_DIR / "audit-anchors.jsonl")))
# Keys that encrypt stored credentials, newest first; the secret key serves when none is given.
FIELD_KEYS = env.names("WAYFORK_FIELD_KEYS")
# Folders below which DuckDB and SQLite event sources may lie.
EVENT_FILE_FOLDERS = env.names("WAYFORK_EVENT_FILE_FOLDERS", str(DATA_DIR / "events"))
EVENT_PRIVATE_HOSTS = env.flag("WAYFORK_EVENT_PRIVATE_HOSTS", default=True)
EVENT_QUERY_SECONDS = env.number("WAYFORK_EVENT_QUERY_SECONDS", 60)

LOG_LEVEL = env.text("WAYFORK_LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # What a client did wrong is told to the client; only our own faults are for the log.
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
    },
}
