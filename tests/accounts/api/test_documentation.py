"""What is written about REST is true: the OpenAPI document is whole, and the examples run."""

import json
import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from tests.api import schema
from tests.servers.absence import cannot_be_had
from tests.servers.live import LiveServer
from tests.world.cast import make_world
from tests.world.factories import make_flag

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "rest.md"
ABOUT_REVIEW = Path(__file__).parents[3] / "docs" / "how-to" / "review-changes.md"
EXAMPLE = re.compile(r"^```sh\n(curl .*?)^```", re.MULTILINE | re.DOTALL)


def test_the_openapi_document_is_valid_and_made_without_a_warning() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert out.getvalue().startswith("openapi: 3.1.0")


def operations() -> list[dict[str, object]]:
    return [one for methods in schema()["paths"].values() for one in methods.values()]


def test_every_operation_has_a_name_a_section_and_a_sentence() -> None:
    names = [one["operationId"] for one in operations()]
    assert len(names) == len(set(names)) >= 60
    assert all(one["summary"] and one["tags"] for one in operations())


def test_every_operation_tells_how_it_refuses() -> None:
    for one in operations():
        refusals = {
            status: found
            for status, found in one["responses"].items()  # type: ignore[attr-defined]
            if int(status) >= 400
        }
        assert {"401", "404"} <= set(refusals)
        assert all(
            list(one["content"]) == ["application/problem+json"] for one in refusals.values()
        )


def test_the_three_examples_run(live: LiveServer) -> None:
    if shutil.which("curl") is None:
        cannot_be_had("There is no curl: the examples of docs/reference/rest.md are not run.")
    world = make_world()
    make_flag(world.max.at())
    environment = {"WAYFORK": live.url, "TOKEN": world.max.token(), "PATH": "/usr/bin:/bin"}
    examples = EXAMPLE.findall(DOCS.read_text(encoding="utf-8"))
    assert len(examples) == 3
    said = [run(example, environment) for example in examples]
    assert 'etag: "0"' in said[0].lower()
    assert json.loads(said[1])["status"] == "applied"
    assert json.loads(said[2])["value"] is True


def test_a_review_policy_is_read_and_replaced_as_the_guide_says(live: LiveServer) -> None:
    if shutil.which("curl") is None:
        cannot_be_had("There is no curl: the examples of review-changes.md are not run.")
    world = make_world()
    environment = {"WAYFORK": live.url, "TOKEN": world.ada.token(), "PATH": "/usr/bin:/bin"}
    read, replace = EXAMPLE.findall(ABOUT_REVIEW.read_text(encoding="utf-8"))
    assert 'etag: "0"' in run(read, environment).lower()
    assert json.loads(run(replace, environment))["status"] == "applied"
    assert '"from":"2090-12-23T17:00:00Z"' in run(read, environment)
    assert json.loads(run(replace, environment))["code"] == "stale_version"
    later = replace.replace('"0"', '"1"').replace('"approvals": 1', '"approvals": 0')
    assert json.loads(run(later, environment))["number"] == 1


def run(example: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", example], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
