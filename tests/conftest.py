"""The ground tests stand on: which database, which Redis, real servers, a running application."""

import gc
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from psycopg import sql

from config.celery import app as celery_app
from config.garbage import settle
from config.loopback_servers import CannotStart, postgres, valkey
from tests.servers.absence import cannot_be_had
from tests.servers.live import LiveServer, live_server
from tests.world import emptying
from tests.world.cast import World, make_world
from tests.world.ground import keep, kept_ground, lay
from tests.world.imprint import imprinted_world

# A published experiment some tests repeat; the file is not part of the repository.
REAL_DATA = "cookie_cats.csv.gz"

# What makes a test one that must pass on every database we support.
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live", "world"})


def pytest_configure(config: pytest.Config) -> None:
    """Mend the settings for tests; the servers themselves come from the environment."""
    config.addinivalue_line("markers", "database: touches the database (added by itself)")
    config.addinivalue_line("markers", "browser: needs Chromium (added by itself)")
    _find_real_data()
    _refuse_somebody_elses_database()
    folder = _scratch_folder(config)
    _use_scratch_folder(folder)
    _use_database(folder)
    _use_redis()
    # Argon2 is slow on purpose; nothing here depends on which hash is used.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Some tests ask for thousands of things in a minute; the tests of these limits set their own.
    settings.REST_PER_PERSON = settings.REST_PER_ORGANIZATION = 1_000_000
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    # Static files are found when they are asked for, not counted anew by each test's browser.
    settings.WHITENOISE_AUTOREFRESH = True
    emptying.install()
    # Of what is collected nothing is thrown away: looking for it takes a quarter of the time.
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on only what the tests themselves make is looked at."""
    settle()
    gc.enable()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which servers the run stands on."""
    vendor = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    return f"database: {vendor}, redis: {'yes' if settings.REDIS_URL else 'in memory'}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches the database and what needs a browser, so that runs can choose."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            item.add_marker("database")
        if "chromium" in fixtures:
            item.add_marker("browser")


# --- which database and which Redis


def _find_real_data() -> None:
    """Without WAYFORK_REAL_DATA, a `data` folder in a folder beside this checkout will do."""
    beside = Path(settings.BASE_DIR).parent.glob(f"*/data/{REAL_DATA}")
    for path in beside:
        os.environ.setdefault("WAYFORK_REAL_DATA", str(path))


def _worker_number() -> int:
    """0 without xdist; 1, 2, ... in its workers."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return int(worker.removeprefix("gw")) + 1 if worker else 0


def _refuse_somebody_elses_database() -> None:
    """Tests create and drop databases and empty Redis: only where they were told that they may."""
    for given, allowed in (("DATABASE_URL", "TEST_DATABASE_URL"), ("REDIS_URL", "TEST_REDIS_URL")):
        url = os.environ.get(given)
        if url and url != os.environ.get(allowed):
            pytest.exit(f"{given} is set. Tests use {allowed}: unset the first, or set both.", 4)


def _scratch_folder(config: pytest.Config) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="wayfork-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    return Path(folder.name)


def _use_scratch_folder(folder: Path) -> None:
    settings.DATA_DIR = folder
    settings.AUDIT_ANCHORS = folder / "audit-anchors.jsonl"
    settings.STATIC_ROOT = folder / "static"
    settings.STATIC_ROOT.mkdir()
    settings.EVENT_FILE_FOLDERS = [str(folder / "events")]


def _use_database(folder: Path) -> None:
    default = settings.DATABASES["default"]
    # A connection kept by a server thread would outlive its test.
    default["CONN_MAX_AGE"] = 0
    default.get("OPTIONS", {}).pop("pool", None)
    if default["ENGINE"].endswith("sqlite3"):
        # A file, not memory: the running application of `live` has threads of its own.
        default.setdefault("TEST", {})["NAME"] = folder / "test.sqlite3"
        pragmas = default["OPTIONS"]["init_command"]
        default["OPTIONS"]["init_command"] = pragmas.replace("=NORMAL", "=OFF")


def _use_redis() -> None:
    """Each xdist worker has a database of its own, and a prefix for what no database bounds."""
    if not settings.REDIS_URL:
        return
    number = _worker_number()
    url = f"{settings.REDIS_URL.rpartition('/')[0]}/{number}"
    settings.REDIS_URL = url
    settings.CACHES["default"]["LOCATION"] = url
    layer = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    layer["prefix"] = f"wayfork-test-{number}"
    layer["hosts"][0]["address"] = url
    settings.CELERY_BROKER_URL = url
    celery_app.conf.update(broker_url=url)


@pytest.fixture(autouse=True)
def fresh_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test finds what another left in the cache or in Redis."""
    yield
    if request.node.get_closest_marker("database") is None:
        return
    cache.clear()
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushdb()


# --- real servers, whatever the tests' own database is


def _server(variable: str, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    given = os.environ.get(variable)
    if given:
        yield given
        return
    with ExitStack() as stack:
        try:
            url = stack.enter_context(start())
        except CannotStart as error:
            cannot_be_had(f"{error} Set {variable} to use a server of your own.")
        yield url


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The players of the published experiment, which no promise covers: always skipped loudly."""
    place = Path(os.environ.get("WAYFORK_REAL_DATA", "nowhere"))
    path = place / REAL_DATA if place.is_dir() else place
    if not path.is_file():
        sentence = f"REAL DATA NOT CHECKED: set WAYFORK_REAL_DATA to the path of {REAL_DATA}."
        warnings.warn(sentence, stacklevel=2)
        pytest.skip(sentence)
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL whose role may create databases."""
    yield from _server("TEST_DATABASE_URL", postgres)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A real Valkey or Redis."""
    yield from _server("TEST_REDIS_URL", valkey)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """An empty database of the test's own on the real PostgreSQL; yields its URL."""
    name = f"scratch_{os.urandom(6).hex()}"
    identifier = sql.Identifier(name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        yield f"{postgres_url.rpartition('/')[0]}/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


# --- the application, running


@pytest.fixture
def live(transactional_db: None) -> Iterator[LiveServer]:
    """The whole product on a free port, over the test's database: HTTP, WebSockets, SDK endpoints."""
    with live_server() as server:
        yield server


@pytest.fixture
def tasks_at_once() -> Iterator[None]:
    """Background tasks run inside the call that rings them."""
    celery_app.conf.task_always_eager = True
    celery_app.conf.task_eager_propagates = True
    yield
    celery_app.conf.task_always_eager = False
    celery_app.conf.task_eager_propagates = False


# --- the cast


# --- the ledger


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Begin with the tables an earlier run migrated, where nothing of the migrations changed."""
    ground = kept_ground()
    return ground is not None and lay(ground)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_keepdb: bool, django_db_blocker: Any) -> None:
    """Tables are emptied between tests that commit, which the ledger's triggers refuse."""
    ground = kept_ground()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if ground and not django_db_keepdb:
            keep(ground)
        for table in ("accounts_auditentry", "accounts_auditsubject"):
            where = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {table}_refuses_emptying{where}")


@pytest.fixture
def world(db: None) -> World:
    """One organization with its people, and a stranger."""
    # Outside of a transaction rows must come in the order of their keys, and what follows a commit
    # is part of the test.
    return imprinted_world() if connection.in_atomic_block else make_world()
