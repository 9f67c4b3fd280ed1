"""An empty database with all migrations applied, kept between runs of the tests on SQLite.

Applying them takes longer than most runs of a few tests. What is kept is found by the content of
the migrations, so that a changed one is applied anew.
"""

import hashlib
import importlib
import os
import shutil
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

KEPT = Path(settings.BASE_DIR) / "var" / "tests"


def is_a_second_look() -> bool:
    """Whether the same tests run on PostgreSQL too: `make test` tells both its runs of it."""
    return connection.vendor == "sqlite" and "TEST_DATABASE_URL" in os.environ


def tries() -> int:
    """How many sequences of acts our state machines try, unless WAYFORK_LONG_RUN says."""
    return int(os.environ.get("WAYFORK_LONG_RUN") or (3 if is_a_second_look() else 8))


def kept_ground() -> Path | None:
    """Where the migrated database of these very migrations lies or shall lie; SQLite only."""
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return None
    seen = hashlib.sha256(django.__version__.encode())
    for key, migration in sorted(MigrationLoader(None).disk_migrations.items()):
        module = importlib.import_module(migration.__module__)
        seen.update(repr(key).encode() + Path(module.__file__ or "").read_bytes())
    return KEPT / f"{seen.hexdigest()[:16]}.sqlite3"


def lay(ground: Path) -> bool:
    """Put the kept database, if there is one, where the test's database will be."""
    try:
        shutil.copyfile(ground, settings.DATABASES["default"]["TEST"]["NAME"])
    except FileNotFoundError:
        return False
    return True


def keep(ground: Path) -> None:
    """Keep the freshly migrated database, and no older one."""
    ground.parent.mkdir(parents=True, exist_ok=True)
    for old in ground.parent.glob("*.sqlite3"):
        old.unlink(missing_ok=True)
    unfinished = ground.with_suffix(f".{os.getpid()}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(unfinished)])
    unfinished.rename(ground)
