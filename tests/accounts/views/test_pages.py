"""Pages of people, keys, tokens and history."""

import re

import pytest
from django.test import Client

from accounts.actions import credentials
from accounts.models import AccessToken, Project, SdkKey
from flags.edits import TurnOn
from tests.world.cast import PASSWORD, World
from tests.world.factories import make_flag, submit

pytestmark = pytest.mark.django_db


def found(pattern: bytes, content: bytes) -> str:
    """The first place that matches."""
    match = re.search(pattern, content)
    assert match is not None
    return match.group().decode()


def test_signing_in_with_an_address_in_any_case_leads_to_the_project(world: World):
    client = Client()
    answer = client.post(
        "/accounts/login/", {"login": "Max@Solar.example", "password": PASSWORD}, follow=True
    )
    assert answer.redirect_chain[-1][0] == "/o/solar/shop/production/flags/"


def test_a_wrong_password_is_told_without_saying_which_part_was_wrong(world: World):
    answer = Client().post("/accounts/login/", {"login": "max@solar.example", "password": "nope"})
    assert answer.status_code == 200
    assert b"not correct" in answer.content


def test_strangers_cannot_make_accounts(world: World):
    answer = Client().get("/accounts/signup/")
    assert b"by invitation" in answer.content


def test_an_owner_makes_a_project_with_three_environments(world: World):
    answer = world.olivia.client.post("/o/solar/projects/new", {"name": "App", "key": "app"})
    assert answer.status_code == 302
    project = Project.objects.within(world.organization).get(key="app")
    assert [one.key for one in project.environments.all()] == [
        "development",
        "staging",
        "production",
    ]


@pytest.mark.parametrize("key", ["shop", "Not A Key"])
def test_a_taken_or_impossible_key_is_told_beside_the_field(world: World, key: str):
    answer = world.olivia.client.post("/o/solar/projects/new", {"name": "App", "key": key})
    assert answer.status_code == 422
    assert b"has-error" in answer.content


def test_a_new_sdk_key_is_shown_once_inside_the_quick_start(world: World):
    client = world.ada.client
    answer = client.post(world.url("keys/"), {"label": "Shop", "kind": "server"})
    secret = found(rb"srv_production_[a-z0-9]+", answer.content)
    assert credentials.sdk_key(secret).label == "Shop"
    assert answer.headers["Cache-Control"].startswith("max-age=0")
    again = client.get(world.url("keys/"))
    assert secret.encode() not in again.content
    assert secret[-4:].encode() in again.content


def test_an_admin_revokes_a_key(world: World):
    key = credentials.create_sdk_key(world.ada.at(), "server", "Shop").key
    world.ada.client.post(world.url(f"keys/{key.id}/revoke"))
    assert SdkKey.objects.within(world.production).get().revoked_at is not None


def test_an_editor_sees_keys_but_no_way_to_make_one(world: World):
    client = world.max.client
    assert b"Create key" not in client.get(world.url("keys/")).content
    assert client.post(world.url("keys/"), {"label": "x", "kind": "server"}).status_code == 403


def test_a_person_makes_and_revokes_an_access_token(world: World):
    client = world.vera.proven
    answer = client.post(world.url("tokens/"), {"label": "report", "read_only": "on"})
    secret = found(rb"mgt_[a-z0-9]+", answer.content)
    token = credentials.token(secret)
    assert token.read_only
    client.post(world.url(f"tokens/{token.id}/revoke"))
    assert AccessToken.across_tenants.get().revoked_at is not None


def test_the_history_names_who_did_what_and_filters(world: World):
    make_flag(world.max.at())
    submit(world.max.at(), "quote-form", TurnOn(), comment="launch day")
    client = world.vera.client
    page = client.get(world.url("audit/"))
    assert b"launch day" in page.content
    assert b"max@solar.example" in page.content
    filtered = client.get(world.url("audit/"), {"action": "role.set", "person": "olivia"})
    assert b"launch day" not in filtered.content
    assert b"role.set" in filtered.content
    nothing = client.get(world.url("audit/"), {"key": "no such thing", "before": "x" * 40})
    assert b"No line of the history matches" in nothing.content


def test_a_line_of_the_history_shows_before_and_after(world: World):
    make_flag(world.max.at())
    submit(world.max.at(), "quote-form", TurnOn())
    sequence = world.ledger()[-1].sequence
    page = world.vera.client.get(world.url(f"audit/{sequence}/"))
    assert b"quote-form.enabled" in page.content
    assert world.ledger()[-1].hash.encode() in page.content


def test_the_history_is_read_in_pages_with_few_queries(world: World, django_assert_max_num_queries):
    make_flag(world.max.at())
    for _ in range(60):
        credentials.create_token(world.vera.at(), "t")
    client = world.vera.client
    # The first request of a session writes the session.
    client.get(world.url("audit/"))
    with django_assert_max_num_queries(26):
        page = client.get(world.url("audit/"))
    older = found(rb"(?<=\?)before=\d+", page.content)
    assert client.get(world.url("audit/") + f"?{older}").status_code == 200


def test_another_organizations_pages_do_not_exist(world: World):
    for path in ("keys/", "tokens/", "audit/", "audit/1/", "flags/"):
        assert world.stan.client.get(world.url(path)).status_code == 404
        assert world.mia.client.get(world.url(path)).status_code == 404


def test_every_answer_carries_a_request_id_and_a_strict_policy(world: World):
    answer = world.vera.client.get(world.url("flags/"))
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_an_address_with_a_nul_leads_nowhere(world: World):
    assert world.vera.client.get(world.url("flags/%00/")).status_code == 400
    assert world.vera.client.get("/o/solar/%00/production/flags/").status_code == 400


def test_the_type_of_a_problem_leads_to_its_explanation(world: World):
    problem = Client().get("/api/v1/me").json()
    page = Client().get(problem["type"].partition("#")[0])
    assert page.status_code == 200
    code = problem["type"].partition("#")[2]
    assert f'id="{code}"'.encode() in page.content
