"""Two writers who read the same version, on real connections: one of them wins, one is told."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from accounts.actions import domains, providers, teams
from accounts.api import frame
from accounts.models import AuditEntry, ClaimedDomain, GroupRole, IdentityProvider, Membership
from tests.accounts.test_notifications_at_once import at_once
from tests.api import Answer, Api
from tests.identity_provider.hostile import hostile_provider
from tests.identity_provider.visitors import make_provider, owner_of
from tests.world.cast import World, make_world

HOME = "/api/v1/organizations/solar"
Act = Callable[[Api], Answer]


@pytest.fixture
def shop(transactional_db: None) -> World:
    """A world whose rows every connection sees."""
    return make_world()


@pytest.fixture
def okta(shop: World, settings: Any) -> Iterator[IdentityProvider]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with hostile_provider() as hostile:
        yield make_provider(owner_of(shop), hostile.issuer, domain="")


@pytest.fixture(autouse=True)
def _compared_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever found the version to be the same waits until somebody else finds so, or a second."""
    meet, compare = Barrier(2), frame.same_version

    def compare_together(*given: Any) -> None:
        compare(*given)
        with suppress(BrokenBarrierError):
            meet.wait(1)

    monkeypatch.setattr(frame, "same_version", compare_together)


def at_the_same_moment(world: World, *acts: Act) -> list[int]:
    """The statuses of requests by the same owner, sorted."""
    token = Api.of(world.olivia).token
    found: list[int] = []

    def send(act: Act) -> Callable[[], None]:
        return lambda: found.append(act(Api(token)).status)

    at_once([send(act) for act in acts])
    return sorted(found)


def version(world: World, path: str) -> str:
    return Api.of(world.olivia).get(path).etag.strip('"')


def how_often(world: World, action: str) -> int:
    return AuditEntry.objects.within(world.organization).filter(action=action).count()


def test_of_two_who_route_a_domain_one_is_told_of_the_other(
    shop: World, okta: IdentityProvider
) -> None:
    claimed = domains.claim(owner_of(shop), "solar.example")
    path = f"{HOME}/domains/{claimed.pk}"
    seen = version(shop, path)
    statuses = at_the_same_moment(
        shop,
        lambda api: api.patch(path, {"provider": okta.key}, version=seen),
        lambda api: api.patch(path, {"provider": okta.key}, version=seen),
    )
    assert statuses == [200, 409]
    assert how_often(shop, "domain.routed") == 1


def test_a_domain_is_not_given_up_by_whoever_saw_another_route(
    shop: World, okta: IdentityProvider
) -> None:
    claimed = domains.claim(owner_of(shop), "solar.example")
    path = f"{HOME}/domains/{claimed.pk}"
    seen = version(shop, path)
    statuses = at_the_same_moment(
        shop,
        lambda api: api.patch(path, {"provider": okta.key}, version=seen),
        lambda api: api.delete(path, version=seen),
    )
    assert statuses in ([200, 409], [204, 404])
    assert ClaimedDomain.objects.within(shop.organization).exists() == (200 in statuses)


def test_of_two_who_set_a_provider_up_one_is_told_of_the_other(
    shop: World, okta: IdentityProvider
) -> None:
    path = f"{HOME}/providers/{okta.key}"
    seen = version(shop, path)
    names = ("North", "South")
    statuses = at_the_same_moment(
        shop,
        *(lambda api, name=name: api.patch(path, {"name": name}, version=seen) for name in names),
    )
    assert statuses == [200, 409]


def test_of_two_who_change_a_team_one_is_told_of_the_other(shop: World) -> None:
    teams.create(owner_of(shop), "core", "Core")
    path = f"{HOME}/teams/core"
    seen = version(shop, path)
    members = Membership.objects.within(shop.organization)
    people = [str(members.get(user=person.user).pk) for person in (shop.max, shop.rita)]
    statuses = at_the_same_moment(
        shop,
        *(lambda api, one=one: api.patch(path, {"members": [one]}, version=seen) for one in people),
    )
    assert statuses == [200, 409]
    assert how_often(shop, "team.members_set") == 1


def test_of_two_who_change_a_member_one_is_told_of_the_other(shop: World) -> None:
    for key in ("core", "edge"):
        teams.create(owner_of(shop), key, key.title())
    rita = Membership.objects.within(shop.organization).get(user=shop.rita.user)
    path = f"{HOME}/members/{rita.pk}"
    seen = version(shop, path)
    statuses = at_the_same_moment(
        shop,
        *(
            lambda api, key=key: api.patch(path, {"teams": [key]}, version=seen)
            for key in ("core", "edge")
        ),
    )
    assert statuses == [200, 409]


@pytest.mark.parametrize(
    ("path", "bodies"),
    [
        (f"{HOME}/settings", ({"name": "North"}, {"name": "South"})),
        (f"{HOME}/projects/shop", ({"name": "North"}, {"name": "South"})),
        (f"{HOME}/projects/shop/environments/staging", ({"name": "North"}, {"name": "South"})),
        (f"{HOME}/projects/shop/rights/bypass_review", ({"teams": ["core"]}, {"teams": ["edge"]})),
    ],
    ids=["organization", "project", "environment", "right"],
)
def test_of_two_who_change_settings_one_is_told_of_the_other(
    shop: World, path: str, bodies: tuple[dict[str, Any], ...]
) -> None:
    for key in ("core", "edge"):
        teams.create(owner_of(shop), key, key.title())
    seen = version(shop, path)
    acts = (lambda api, body=body: api.patch(path, body, version=seen) for body in bodies)
    assert at_the_same_moment(shop, *acts) == [200, 409]


# --- lists without a version


def test_a_group_added_twice_at_once_stands_once(
    shop: World, okta: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, meet = GroupRole.across_tenants.get_or_create, Barrier(2)

    def make_together(**given: Any) -> Any:
        with suppress(BrokenBarrierError):
            meet.wait(1)
        return make(**given)

    monkeypatch.setattr(GroupRole.across_tenants, "get_or_create", make_together)
    path = f"{HOME}/providers/{okta.key}/groups"
    brought = {"group": "devs", "project": "shop", "role": "viewer"}
    statuses = at_the_same_moment(shop, *[lambda api: api.post(path, brought)] * 2)
    assert statuses == [201, 409]
    assert GroupRole.objects.within(shop.organization).count() == 1


def test_a_group_removed_twice_at_once_is_told_once(shop: World, okta: IdentityProvider) -> None:
    row = providers.add_group(owner_of(shop), okta.key, "d", project_key="shop", role="viewer")
    path = f"{HOME}/providers/{okta.key}/groups/{row.id}"
    statuses = at_the_same_moment(shop, *[lambda api: api.delete(path)] * 2)
    assert statuses == [204, 404]
    assert how_often(shop, "provider.group_removed") == 1


def test_a_domain_claimed_twice_at_once_is_listed_once(shop: World) -> None:
    given = {"domain": "solar.example"}
    path = f"{HOME}/domains"
    statuses = at_the_same_moment(shop, *[lambda api: api.post(path, given)] * 2)
    assert statuses == [201, 409]
    assert ClaimedDomain.objects.within(shop.organization).count() == 1
