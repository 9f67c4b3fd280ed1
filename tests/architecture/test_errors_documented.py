"""Every refusal has its place in the reference of errors."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.urls import get_resolver

import config.routing  # noqa: F401 - loads the endpoints that are none of Django's
from accounts.errors import DomainError
from accounts.web.problems import FRAMEWORK_CODES

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
ROW = re.compile(r"^\| `(\w+)` \| ([\d, ]+) \|", re.MULTILINE)
# Codes that no exception of ours carries: made where the framework refuses by itself.
MADE_BY_HAND = {"broken": {500}, "unsupported_media_type": {415}}


def descendants(cls: type[DomainError]) -> Iterator[type[DomainError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from descendants(child)


def documented() -> dict[str, set[int]]:
    text = DOCS.read_text(encoding="utf-8")
    return {code: {int(one) for one in given.split(",")} for code, given in ROW.findall(text)}


def in_code() -> dict[str, set[int]]:
    assert get_resolver().url_patterns, "loads every view, and with it every refusal"
    found: dict[str, set[int]] = {}
    for error in descendants(DomainError):
        if error.__module__.startswith("tests."):
            continue
        found.setdefault(error.code, set()).add(error.status)
    return found


def test_every_code_stands_in_the_reference_with_its_status() -> None:
    told = documented()
    for code, statuses in in_code().items():
        assert code in told, f"docs/reference/errors.md does not explain {code}"
        assert statuses <= told[code], f"{code} answers {statuses}, documented are {told[code]}"


def test_codes_of_the_framework_stand_there_too() -> None:
    ours = {code for code, _hint in FRAMEWORK_CODES.values()} | set(MADE_BY_HAND)
    assert ours - set(documented()) == set()


def test_the_reference_explains_nothing_that_is_gone() -> None:
    ours = {code for code, _hint in FRAMEWORK_CODES.values()} | set(MADE_BY_HAND) | set(in_code())
    assert set(documented()) - ours == set()
