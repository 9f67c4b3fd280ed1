"""Writes and tokens that were refused stand in the ledger, and nobody can fill it by knocking."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import tail
from accounts.actions import credentials
from accounts.models import AccessToken, AuditEntry, User
from accounts.web import refusals
from tests.api import HERE, ROOT, Api
from tests.flags.requests.steps import said
from tests.world.cast import World
from tests.world.factories import make_flag

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(world: World) -> World:
    make_flag(world.max.at())
    return world


def refused(world: World) -> list[AuditEntry]:
    return [line for line in world.ledger() if line.action.startswith("refusal.")]


def kill(world: World) -> str:
    return world.url("flags/quote-form/kill")


def test_a_write_an_insider_may_not_make_is_recorded_with_its_place(shop: World):
    answer = shop.vera.client.post(kill(shop), {"reason": "curious"})
    assert answer.status_code == 403
    [line] = refused(shop)
    assert (line.action, line.actor, line.project) == (
        "refusal.forbidden",
        shop.vera.user,
        shop.project,
    )
    assert said(line) == {"method": "POST", "path": kill(shop), "status": 403}
    assert tail.read_all() == 0
    page = shop.olivia.client.get(reverse("accounts:organization-audit", args=["solar"]))
    assert "was not permitted" in page.content.decode()


def test_a_write_to_what_a_member_may_not_see_is_recorded_for_the_owners_alone(shop: World):
    assert shop.mia.client.post(kill(shop), {"reason": "x"}).status_code == 404
    [line] = refused(shop)
    assert (line.action, line.actor, line.project) == ("refusal.not_found", shop.mia.user, None)


def test_a_stranger_writes_nothing_into_the_ledger_of_an_organization(shop: World):
    lines = len(shop.ledger())
    assert shop.stan.client.post(kill(shop), {"reason": "x"}).status_code == 404
    assert len(shop.ledger()) == lines


def test_reading_what_one_may_not_is_no_line(shop: World):
    assert shop.mia.client.get(shop.url("flags/")).status_code == 404
    assert refused(shop) == []


def test_knocking_at_one_door_is_one_line_a_minute(shop: World):
    vera = shop.vera.client
    for _time in range(5):
        vera.post(kill(shop), {"reason": "x"})
    assert len(refused(shop)) == 1
    shop.mia.client.post(kill(shop), {"reason": "x"})
    assert len(refused(shop)) == 2


def test_knocking_at_every_door_comes_to_an_end(shop: World, monkeypatch):
    monkeypatch.setattr(refusals, "MOST_LINES", 2)
    api = Api.of(shop.vera)
    for path in ("requests/1/approve", "requests/1/reject", "requests/1/apply", "requests/1/merge"):
        api.send("post", f"{ROOT}/{path}", {})
    for path in ("flags/quote-form/kill", "flags/quote-form/apply", "segments/a"):
        api.send("delete", f"{HERE}/{path}")
        api.send("post", f"{HERE}/{path}", {"reason": "x"})
    assert len(refused(shop)) == 2


def test_a_service_token_without_the_right_is_recorded_by_its_name(shop: World):
    secret = credentials.create_service_token(shop.ada.at(), "ci", "viewer").secret
    answer = Api(secret).post(f"{HERE}/flags/quote-form/kill", {"reason": "x"})
    assert answer.status == 403
    [line] = refused(shop)
    assert (line.action, line.actor, line.actor_label) == ("refusal.forbidden", None, "service: ci")


@pytest.mark.parametrize("why", ["revoked", "expired", "its person is gone"])
def test_a_dead_token_is_recorded_once_a_minute_and_never_with_its_secret(shop: World, why: str):
    api = Api.of(shop.max)
    tokens = AccessToken.objects.within(shop.organization)
    token = tokens.get(membership__user=shop.max.user)
    if why == "revoked":
        credentials.revoke_token(shop.max.at(), token.pk)
    elif why == "expired":
        tokens.update(expires_at=timezone.now() - timedelta(days=1))
    else:
        User.objects.filter(pk=shop.max.user.pk).update(is_active=False)
    for _time in range(3):
        assert api.get(f"{ROOT}/flags").status == 401
    [line] = refused(shop)
    assert (line.action, line.target, line.actor_label) == (
        "refusal.token",
        token.label,
        "somebody",
    )
    assert said(line) == {"last_four": token.last_four, "why": why}
    assert api.token not in str(line.__dict__)


def test_a_token_nobody_made_is_told_to_nobody(shop: World):
    lines = len(shop.ledger())
    assert Api("mgt_nobody_made_this").get(f"{ROOT}/flags").status == 401
    assert len(shop.ledger()) == lines
