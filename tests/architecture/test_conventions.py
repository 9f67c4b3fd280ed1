"""Habits that no linter knows: what modules are called, how they open, what they never import."""

import ast
import re
from pathlib import Path

import pytest

from config.workplace import HOME

ROOMS = ("accounts", "flags", "metrics", "experiments", "config")
CODE = (*ROOMS, "sdks/python/src/wayfork", "benchmarks", "tests", "sdks/python/tests")
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "services", "handlers"}
SIGNALS = {"django.db.models.signals", "django.dispatch", "django.core.signals"}
WEB = ("django.http", "django.shortcuts", "django.views", "rest_framework", "channels")
# Where a verb lives: what a person can do, apart from pages, REST and delivery.
VERBS = (
    "accounts/actions/*.py",
    "accounts/audit.py",
    "accounts/verbs.py",
    "flags/changes.py",
    "flags/edits/*.py",
    "flags/guards.py",
    "flags/review.py",
    "flags/snapshots.py",
    "metrics/actions/*.py",
    "metrics/aggregates/*.py",
    "experiments/analysis.py",
    "experiments/decisions.py",
    "experiments/exposures.py",
    "experiments/jobs.py",
    "experiments/lifecycle.py",
)


def modules(*places: str) -> list[str]:
    found = {
        path.relative_to(HOME).as_posix()
        for place in places
        for path in (HOME / place).rglob("*.py")
        if "migrations" not in path.parts and "node_modules" not in path.parts
    }
    return sorted(found)


def tree(name: str) -> ast.Module:
    return ast.parse((HOME / name).read_text(encoding="utf-8"), name)


def imported(module: ast.Module) -> set[str]:
    """Every module named by an import, and every name taken from one, dotted."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def begins_with(name: str, parents: tuple[str, ...]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def test_there_is_code_to_look_at():
    assert len(modules(*ROOMS)) > 100


@pytest.mark.parametrize("name", modules(*CODE))
def test_a_module_opens_with_a_sentence_that_says_what_it_is_for(name: str):
    module = tree(name)
    if not module.body:
        return  # an empty __init__
    told = ast.get_docstring(module)
    assert told, f"{name} does not say what it is for"
    first = re.split(r"\n\s*\n", told.strip())[0].strip()
    assert len(first) > 10
    assert first[-1] in ".?!:" or re.search(r": python\S* ", first), first


@pytest.mark.parametrize("name", modules(*CODE))
def test_a_module_is_called_for_what_it_holds(name: str):
    parts = Path(name).with_suffix("").parts
    assert not BANNED_NAMES & {part.lower() for part in parts}


@pytest.mark.parametrize("name", modules(*ROOMS, "sdks/python/src/wayfork"))
def test_nothing_listens_to_signals(name: str):
    names = imported(tree(name))
    # The words of the operating system are another matter: `import signal`.
    assert not {one for one in names if begins_with(one, tuple(SIGNALS))}


@pytest.mark.parametrize("name", sorted({m for p in VERBS for m in map(str, HOME.glob(p))}))
def test_verbs_speak_no_http(name: str):
    names = imported(tree(name))
    assert not {one for one in names if begins_with(one, WEB)}


@pytest.mark.parametrize("name", [m for m in modules(*ROOMS) if "models" in Path(m).parts])
def test_rows_are_saved_without_effects_elsewhere(name: str):
    overriding = [
        node.name
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef) and node.name in {"save", "delete"}
    ]
    # The ledger's rows refuse to be changed: that is no effect.
    assert not overriding or name == "accounts/models/audit.py"


@pytest.mark.parametrize("name", modules("sdks/python/src/wayfork"))
def test_the_sdk_needs_nothing_of_the_product(name: str):
    names = imported(tree(name))
    assert not {one for one in names if begins_with(one, (*ROOMS, "django", "tests"))}
