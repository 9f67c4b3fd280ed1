"""The client's typed questions answer what the conformance cases expect."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wayfork.client import Client
from wayfork.engine import unit_id
from wayfork.samples import unit_hash

CASES = Path(__file__).resolve().parents[3] / "conformance"
ASK = {"boolean": "bool", "string": "string", "integer": "int", "float": "float", "json": "json"}


def files() -> list[Path]:
    return sorted(CASES.glob("evaluation*.json"))


def cases(file: Path) -> Iterator[tuple[dict[str, Any], Client]]:
    found = json.loads(file.read_text())
    made: dict[str, Client] = {}
    for case in found["cases"]:
        given = case["snapshot"]
        name = given if isinstance(given, str) else json.dumps(given)
        if name not in made:
            document = found["snapshots"][given] if isinstance(given, str) else given
            made[name] = Client(offline=True, bootstrap={**document, "checksum": ""})
        yield case, made[name]


def answers(file: Path) -> Iterator[tuple[str, Any, Any]]:
    for case, client in cases(file):
        question = (case["flag"], case["default"], case["context"])
        wanted = case.get("wanted")
        value = getattr(client, ASK[wanted])(*question) if wanted else client.peek(*question)
        yield f"{file.stem}: {case['name']}", value, case["expect"]["value"]


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_every_case_is_answered_as_the_specification_says(file):
    wrong = [(name, got, said) for name, got, said in answers(file) if got != said]
    assert wrong == []


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_what_is_asked_by_type_and_what_all_gives_agree(file):
    for case, client in cases(file):
        values = client.all(case["context"])
        detail = client.details(case["flag"], None, case["context"])
        assert (case["flag"] in values) == (detail.error_code is None)
        assert values.get(case["flag"]) == detail.value


def test_ids_in_samples_are_hashed_as_the_protocol_says():
    found = json.loads((CASES / "samples.json").read_text())
    wrong = []
    for case in found["cases"]:
        read = unit_id(case["id"])
        assert read is not None
        if unit_hash(case["project"], case["environment"], read) != case["hash"]:
            wrong.append(case["name"])
    assert wrong == []
