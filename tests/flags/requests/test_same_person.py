"""One person with two accounts is one pair of eyes: the issuer's subject tells."""

import pytest

from accounts import identities
from accounts.models import FederatedIdentity, IdentityProvider
from flags import docket, requests
from flags.requests import MayNotReview, NotApproved
from tests.flags.requests.steps import (
    again,
    approve,
    ask_for_review,
    is_on,
    number_of,
    propose,
)
from tests.identity_provider.visitors import owner_of
from tests.world.cast import Person, World
from tests.world.factories import make_flag

ISSUER = "https://accounts.example"


def connect(
    world: World, person: Person, *, by: str = "solar", subject: str = "s-1", issuer: str = ISSUER
) -> None:
    """What a sign-in through a provider of this organization leaves behind."""
    provider, _is_new = IdentityProvider.across_tenants.get_or_create(
        organization=owner_of(world, by).organization,
        issuer=issuer,
        defaults={"key": f"{by}-{len(issuer)}", "name": by, "client_id": "w", "client_secret": b""},
    )
    FederatedIdentity.objects.create(provider=provider, subject=subject, user=person.user)


@pytest.fixture
def shop(world: World) -> World:
    make_flag(world.max.at())
    ask_for_review(world)
    return world


@pytest.fixture
def twins(shop: World) -> World:
    """Max and Rita are one subject of one issuer, through two organizations that trust it."""
    connect(shop, shop.max)
    connect(shop, shop.rita, by="stranger")
    return shop


def test_nobody_approves_their_own_request_under_another_account(twins: World):
    change = propose(twins.max)
    with pytest.raises(MayNotReview, match="under another account"):
        approve(twins.rita, change)
    approve(twins.ada, change)
    requests.apply(twins.max.at(), number_of(change))
    assert is_on(twins)


def test_an_approval_stops_counting_when_both_turn_out_to_be_one_person(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    connect(shop, shop.max)
    connect(shop, shop.rita, by="stranger")
    with pytest.raises(NotApproved):
        requests.apply(shop.max.at(), number_of(change))
    assert not is_on(shop)


def test_two_accounts_of_one_person_are_one_approval(world: World):
    make_flag(world.max.at())
    ask_for_review(world, 2)
    connect(world, world.ada)
    connect(world, world.rita, by="stranger")
    change = propose(world.max)
    approve(world.ada, change)
    approve(world.rita, change)
    standing = requests.standing(world.max.at(), again(world.max, change))
    assert [one.label for one in standing.approvals] == [world.rita.user.email]
    assert standing.missing
    approve(world.olivia, change)
    assert not requests.standing(world.max.at(), again(world.max, change)).missing


def test_nobody_looks_after_their_own_bypass_under_another_account(world: World):
    make_flag(world.max.at())
    ask_for_review(world, 2)
    propose(world.max)
    requests.bypass(world.ada.at(), 1, reason="the shop is down")
    connect(world, world.ada)
    connect(world, world.rita, by="stranger")
    with pytest.raises(MayNotReview):
        requests.look_at(world.rita.at(), 1, comment="fine")
    requests.look_at(world.olivia.at(), 1, comment="fine")
    assert docket.unseen(world.olivia.at()) == []


@pytest.mark.parametrize(
    "other",
    [{"subject": "s-2"}, {"issuer": "https://elsewhere.example"}],
    ids=["subject", "issuer"],
)
def test_another_subject_or_the_same_at_another_issuer_is_somebody_else(
    shop: World, other: dict[str, str]
):
    connect(shop, shop.max)
    connect(shop, shop.rita, by="stranger", **other)
    change = propose(shop.max)
    approve(shop.rita, change)
    requests.apply(shop.max.at(), number_of(change))
    assert is_on(shop)


def test_accounts_that_share_no_subject_directly_may_still_be_one_person(world: World):
    connect(world, world.max)
    connect(world, world.rita, by="stranger")
    connect(world, world.rita, issuer="https://second.example")
    connect(world, world.ada, by="stranger", issuer="https://second.example")
    ids = [person.user.pk for person in (world.max, world.rita, world.ada, world.vera)]
    behind = identities.people_behind(ids)
    assert len({behind[one] for one in ids[:3]}) == 1
    assert behind[ids[3]] == ids[3]
