"""Whatever a client sends, the answer is a refusal in words, never a 500."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import HERE, ROOT, Answer, Api
from tests.architecture.access_table import ROWS, Row
from tests.architecture.furnished import Furnished, furnish

pytestmark = pytest.mark.django_db

PROBLEM = "application/problem+json"
WRITES = [row for row in ROWS if row.is_rest and row.method in {"POST", "PUT", "PATCH"}]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=12)
    | st.sampled_from(["\0", "a\0b", "", " ", "on", "quote-form", "x" * 300, "${jndi}", "'; --"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def furnished(django_db_setup: None, django_db_blocker: Any) -> Iterator[Furnished]:
    """One world: each request is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield furnish()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def api(furnished: Furnished) -> Api:
    """The owner, who may everything: nothing is refused for want of a right."""
    return Api(furnished.tokens["owner"], Client(raise_request_exception=True))


def sent(furnished: Furnished, api: Api, row: Row, content: bytes) -> Answer:
    with transaction.atomic():
        version = row.version
        if isinstance(version, str):
            version = furnished.names[version[1:-1]]
        answer = api.raw(row.method.lower(), furnished.address(row), content, version)
        transaction.set_rollback(True)
    assert answer.status < 500
    if answer.status >= 400:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.body["code"]
    return answer


def mutations(content: Any) -> st.SearchStrategy[Any]:
    """A good body with one place of it, however deep, replaced by anything."""
    if isinstance(content, dict) and content:
        return st.sampled_from(sorted(content)).flatmap(
            lambda key: st.one_of(
                ANYTHING.map(lambda value: {**content, key: value}),
                mutations(content[key]).map(lambda value: {**content, key: value}),
                ANYTHING.map(lambda value: {**content, f"{key}x": value}),
                st.just({name: value for name, value in content.items() if name != key}),
            )
        )
    if isinstance(content, list) and content:
        return st.one_of(
            ANYTHING.map(lambda value: [*content[:-1], value]),
            mutations(content[-1]).map(lambda value: [*content[:-1], value]),
            st.just([*content, *content]),
        )
    return ANYTHING


@pytest.mark.parametrize("row", WRITES, ids=lambda row: f"{row.method} {row.route}")
def test_no_body_breaks_the_server(furnished: Furnished, api: Api, row: Row) -> None:
    good = furnished.filled(row.content) if row.content else {}

    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(ANYTHING, mutations(good)))
    def send(body: Any) -> None:
        sent(furnished, api, row, json.dumps(body).encode())

    send()


RULE = {
    "id": "r9",
    "name": "x",
    "when": [{"attribute": "country", "op": "in", "values": ["DE"], "negate": False}],
    "serve": {"unit": "user", "salt": "s", "weights": [["on", 50_000], ["off", 50_000]]},
    "allocation": {"unit": "user", "salt": "s", "ranges": [[0, 50_000]]},
}
EDITS: list[dict[str, Any]] = [
    {"edit": "add_rule", "rule": RULE, "position": 0},
    {"edit": "replace_rule", "rule": {**RULE, "id": "r1"}, "reshuffle": False},
    {"edit": "set_fallthrough", "serve": RULE["serve"]},
    {"edit": "set_rollout", "rule_id": "r1", "steps": 1},
    {"edit": "move_rule", "rule_id": "r1", "position": 1},
    {"edit": "assign_units", "unit_type": "user", "variation": "on", "unit_ids": ["u-1"]},
    {"edit": "set_prerequisites", "prerequisites": [{"flag": "banner", "variations": ["on"]}]},
    {"edit": "set_flag_holdout", "holdout": None},
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit["edit"])
def test_no_edit_breaks_the_server(furnished: Furnished, api: Api, edit: dict[str, Any]) -> None:
    row = next(
        row
        for row in ROWS
        if row.method == "PATCH"
        and "/flags/" in row.route
        and row.version
        and "environments" in row.route
    )
    assert sent(furnished, api, row, json.dumps({"edits": [edit]}).encode()).status == 200

    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations(edit))
    def send(changed: Any) -> None:
        sent(furnished, api, row, json.dumps({"edits": [changed]}).encode())

    send()


FORMS = [row for row in ROWS if not row.is_rest and row.method == "POST"]
WORDS = st.sampled_from(
    [
        "",
        " ",
        "\0",
        "a\0",
        "x" * 5_000,
        "-1",
        "9" * 30,
        "1e400",
        "NaN",
        "\ud83d",
        "😀",
        "{",
        "[]",
        "on",
    ]
) | st.text(max_size=6)


@pytest.mark.parametrize("row", FORMS, ids=lambda row: row.route)
def test_no_form_breaks_a_page(furnished: Furnished, row: Row) -> None:
    good = {**furnished.filled(row.content or {}), "expected_version": "3"}

    @settings(
        max_examples=5,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.dictionaries(st.sampled_from(sorted(good)), WORDS, min_size=1, max_size=3))
    def send(wrong: dict[str, str]) -> None:
        form = urlencode({**good, **wrong}, errors="replace")
        with transaction.atomic():
            answer = furnished.clients["owner"].generic(
                "POST",
                furnished.address(row),
                form,
                content_type="application/x-www-form-urlencoded",
            )
            transaction.set_rollback(True)
        assert answer.status_code < 500

    send()


READS = [row for row in ROWS if row.method == "GET"]
ASKED = ("q", "tag", "from", "before", "action", "person", "target", "cursor", "limit", "search")
MORE = ("archived", "flag", "query", "source", "kind", "result", "fact", "name", "key")


@pytest.mark.parametrize("row", READS, ids=lambda row: row.route)
def test_no_question_breaks_a_page(furnished: Furnished, row: Row) -> None:
    address = furnished.address(row)
    client = furnished.clients["owner"]
    for word in ("\0", "-1", "9" * 30, "😀", "a b " * 900, "["):
        assert client.get(address, dict.fromkeys((*ASKED, *MORE), word)).status_code < 500


HOSTILE = {
    "nothing": b"",
    "no JSON": b"{",
    "NaN": b'{"context": NaN}',
    "infinity": b'{"context": 1e999}',
    "latin": b'{"context": "\xff"}',
    "lone surrogate": b'{"context": {"userId": "\\ud800"}}',
    "NUL": b'{"context": {"userId": "\\u0000"}}',
    "NUL in a name": b'{"context": {"\\u0000": 1}}',
    "deep": b'{"context": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "rather deep": b'{"context": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_are_told_apart_at_the_door(api: Api, content: bytes) -> None:
    answer = api.raw("post", f"{HERE}/flags/quote-form/evaluate", content)
    assert answer.status == (422 if content == b"" else 400)
    assert answer.body["code"] in {"malformed_body", "invalid_input"}


def test_a_million_names_are_too_large_and_a_hundred_thousand_are_named_briefly(api: Api) -> None:
    many = b"{" + b",".join(b'"%d":0' % number for number in range(1_000_000)) + b"}"
    refused = api.raw("post", f"{ROOT}/flags", many)
    assert (refused.status, refused.body["code"]) == (413, "body_too_large")
    fewer = b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}"
    refused = api.raw("post", f"{ROOT}/flags", fewer)
    assert refused.status in {413, 422}
    assert len(json.dumps(refused.body)) < 5_000


def test_a_huge_number_is_no_version_and_no_weight(api: Api) -> None:
    digits = b"9" * 4_000
    edit = b'{"edits": [{"edit": "set_rollout", "rule_id": "r1", "steps": ' + digits + b"}]}"
    assert api.raw("patch", f"{HERE}/flags/quote-form", edit, 3).status in {400, 422}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/organizations/a%00b",
        "/api/v1/organizations/solar?cursor=%00",
        "/o/solar/shop/production/flags/?q=%00",
        "/o/solar/sh%00op/",
    ],
)
def test_an_address_with_a_nul_is_no_address(furnished: Furnished, api: Api, path: str) -> None:
    client = furnished.clients["owner"]
    assert client.get(path).status_code == 400


@pytest.mark.parametrize(
    "path",
    [f"{HERE}/flags/%ED%A0%80", f"{HERE}/flags/{'x' * 5_000}", f"{HERE}/experiments/%F0%9F%98%80"],
)
def test_a_strange_key_is_simply_not_there(api: Api, path: str) -> None:
    assert api.get(path).status == 404


def test_an_unknown_address_is_a_problem_document(api: Api) -> None:
    for path in ("/api/v1/nowhere", "/api/v1/organizations/", "/api/nowhere"):
        answer = api.get(path)
        assert (answer.status, answer.body["code"]) == (404, "not_found")
        assert answer.headers["content-type"] == PROBLEM


def test_a_wrong_method_and_a_wrong_format_are_problem_documents(api: Api) -> None:
    answer = api.delete("/api/v1/me")
    assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"]
    bearer = {"Authorization": f"Bearer {api.token}"}
    form = api.client.post(f"{ROOT}/flags", {"key": "x"}, headers=bearer)
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    page = api.client.get("/api/v1/me", headers={**bearer, "Accept": "text/html"})
    assert (page.status_code, page.json()["code"]) == (406, "not_acceptable")
    assert page.headers["content-type"] == PROBLEM


def test_a_large_body_of_a_form_is_no_way_around_the_limit(furnished: Furnished) -> None:
    client = furnished.clients["owner"]
    answer = client.post(f"{ROOT}/flags", {"key": "x" * 2_000_000})
    assert answer.status_code in {403, 413, 415}
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("key", ["", "mgt_nothing", "srv_production_x", "\xff" * 20, "x" * 9_000])
def test_a_bad_token_is_told_so(furnished: Furnished, key: str) -> None:
    answer = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "bad_key"
    assert answer.json()["hint"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_no_token_at_all_is_told_how_to_send_one(furnished: Furnished) -> None:
    answer = Client().get("/api/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed")


def test_a_session_writes_only_with_its_token_against_forgery(furnished: Furnished) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(furnished.world.max.user)
    content = {"key": "forged", "name": "Forged"}
    path = f"{ROOT}/segments"
    refused = strict.post(path, content, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forged_request")
    strict.get("/o/solar/shop/production/keys/")
    secret = strict.cookies["wayfork_csrf"].value
    headers = {"X-CSRFToken": secret}
    made = strict.post(path, content, content_type="application/json", headers=headers)
    assert made.status_code == 201
