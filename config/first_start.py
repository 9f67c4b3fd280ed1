"""Bring the database up to date, furnish the demo once, and say how to get in."""

import io
import json
import pkgutil
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command, get_commands
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import Organization
from config.workplace import Place, write_private

SEED_COMMAND = "seed_demo"


def migrate_if_needed() -> bool:
    """Apply missing migrations; say whether there were any.

    Comparing names costs one query and a few folder listings; Django's own plan loads every
    migration first.
    """
    if not _migrations_on_disk() - set(MigrationRecorder(connection).applied_migrations()):
        return False
    call_command("migrate", verbosity=0, interactive=False)
    return True


def _migrations_on_disk() -> set[tuple[str, str]]:
    found = set()
    for app in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(app.label)
        folder = Path(app.path) / "migrations"
        if module is None or not folder.is_dir():
            continue
        names = (info.name for info in pkgutil.iter_modules([str(folder)]) if not info.ispkg)
        found |= {(app.label, name) for name in names if name[0] not in "_~"}
    return found


def furnish_demo(place: Place) -> bool:
    """Make the demo organization unless it stands already; say whether it was made."""
    if not place.demo or SEED_COMMAND not in get_commands():
        return False
    if place.demo_file.exists() and Organization.objects.exists():
        return False
    answer = call_command(SEED_COMMAND, stdout=io.StringIO())
    write_private(place.demo_file, answer)
    return True


def demo(place: Place) -> dict[str, Any]:
    """Who may sign in and with which SDK keys; empty without a demo."""
    if not place.demo or not place.demo_file.exists():
        return {}
    known: dict[str, Any] = json.loads(place.demo_file.read_text(encoding="utf-8"))
    return known


def welcome(place: Place, known: dict[str, Any]) -> str:
    """What the terminal says once Wayfork listens."""
    lines = ["", f"Wayfork is running at {place.url}", ""]
    if person := known.get("sign_in"):
        lines += [f"  sign in as   {person['email']}   password {person['password']}", ""]
    else:
        command = "manage.py create_organization KEY NAME --owner EMAIL"
        lines += [
            f"  first organization   WAYFORK_DATA={place.folder} .venv/bin/python {command}",
            "",
        ]
    for environment, keys in known.get("keys", {}).items():
        shown = "   ".join(keys[kind] for kind in ("server", "client") if kind in keys)
        lines.append(f"  SDK keys     {environment:<12} {shown}")
    return "\n".join([*lines, "", f"  data in      {place.folder}", "  stop with    Ctrl-C", ""])
