"""One person who comes in twice in the same moment, on real connections: one account, no breakage."""

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.actions import members, providers
from accounts.models import (
    AccessRequest,
    AuditEntry,
    FederatedIdentity,
    IdentityProvider,
    Membership,
    ProjectRole,
    User,
)
from accounts.sso import people
from tests.accounts.test_notifications_at_once import at_once
from tests.identity_provider.hostile import Hostile
from tests.identity_provider.journeys import NINA, answer_of, connect, led_to
from tests.identity_provider.running import RealProvider, Visit
from tests.identity_provider.visitors import Browser, make_provider, owner_of
from tests.world.cast import World, make_world

TIMES = 4


@pytest.fixture
def shop(transactional_db: None) -> World:
    """A world whose rows every connection sees."""
    return make_world()


def set_up(world: World, hostile: Hostile, **plan: Any) -> IdentityProvider:
    return make_provider(owner_of(world), hostile.issuer, **plan)


def come_back_at_once(backs: list[tuple[Client, str]]) -> list[int]:
    """Bring all answers in the same moment; the statuses."""
    statuses: list[int] = []

    def bring(client: Client, back: str) -> Any:
        return lambda: statuses.append(client.get(back).status_code)

    at_once([bring(client, back) for client, back in backs])
    return sorted(statuses)


def how_often(world: World, action: str) -> int:
    return AuditEntry.objects.within(world.organization).filter(action=action).count()


def test_a_newcomer_in_several_browsers_gets_one_account(
    shop: World, real_providers: tuple[RealProvider, RealProvider]
) -> None:
    north = real_providers[0]
    north.has_accounts(nina=NINA)
    row = connect(shop, north, name="North", domain="solar.example")
    plan = providers.ProviderPlan(name="North", client_id=row.client_id, default_role="editor")
    providers.set_up(owner_of(shop), row.key, plan)
    providers.add_group(owner_of(shop), row.key, "devs", project_key="shop", role="viewer")
    browsers = []
    for _ in range(TIMES):
        client = Client()
        north.next_is("nina")
        browsers.append((client, answer_of(Visit(), led_to(client, f"/sso/{row.key}/login"))))
    assert come_back_at_once(browsers) == [302] * TIMES
    nina = User.objects.get(email=NINA["email"])
    identity = FederatedIdentity.objects.within(shop.organization).get()
    assert identity.user == nina
    assert {str(client.session["_auth_user_id"]) for client, _back in browsers} == {str(nina.pk)}
    assert identity.sessions.count() == TIMES
    assert Membership.objects.within(shop.organization).filter(user=nina).count() == 1
    assert ProjectRole.objects.within(shop.project).filter(membership__user=nina).count() == 1
    assert how_often(shop, "member.joined") == 1
    assert how_often(shop, "role.set") == len(["ada", "rita", "max", "vera", "nina"])
    assert how_often(shop, "sso.signed_in") == TIMES


def bring_one_token_from_several_browsers(row: IdentityProvider, hostile: Hostile) -> list[int]:
    """The hostile provider gives one token to whoever asks: all journeys carry one nonce."""
    browsers = []
    for _ in range(TIMES):
        browser = Browser(hostile)
        browsers.append((browser, browser.begin(row.key)))
    nonce = browsers[0][1]["nonce"]
    for browser, asked in browsers:
        session = browser.client.session
        states = session["oidc_states"]
        states[asked["state"]]["nonce"] = nonce
        session["oidc_states"] = states
        session.save()
    hostile.id_token, hostile.told = hostile.sign(hostile.claims(nonce)), {"sub": "nina"}
    return come_back_at_once(
        [
            (browser.client, f"/sso/{row.key}/callback?code=c0de&state={asked['state']}")
            for browser, asked in browsers
        ]
    )


def test_closed_projects_are_asked_once_by_whoever_comes_in_twice(
    shop: World, hostile: Hostile
) -> None:
    row = set_up(shop, hostile, default_role="editor")
    assert bring_one_token_from_several_browsers(row, hostile) == [302] * TIMES
    assert AccessRequest.objects.within(shop.project).count() == 1
    assert how_often(shop, "access.requested") == 1


def test_somebody_who_was_removed_joins_once_when_they_come_back_twice(
    shop: World, hostile: Hostile
) -> None:
    """Their connection stands, so no table refuses the second."""
    row = set_up(shop, hostile, default_role="editor")
    Browser(hostile).sign_in(row.key)
    place = Membership.objects.within(shop.organization).get(user__email="nina@solar.example")
    members.remove(owner_of(shop), place.pk, "")
    assert bring_one_token_from_several_browsers(row, hostile) == [302] * TIMES
    assert (how_often(shop, "member.joined"), how_often(shop, "member.rejoined")) == (2, 0)
    assert how_often(shop, "access.requested") == 2


def test_a_connection_confirmed_twice_at_once_is_made_once(
    shop: World, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double click on the button that connects an account with the company's identity."""
    row = set_up(shop, hostile)
    vera = Browser(hostile)
    vera.client.force_login(shop.vera.user)
    vera.answered(row.key, vera.begin(row.key, "connect"), sub="v-1", email="v@home.example")
    meet, look = Barrier(2), people._refuse_second_subject

    def look_together(*given: Any) -> None:
        """Whoever found no connection waits until somebody else finds none, or a second."""
        look(*given)
        with suppress(BrokenBarrierError):
            meet.wait(1)

    monkeypatch.setattr(people, "_refuse_second_subject", look_together)
    twins = [Client(), Client()]
    for twin in twins:
        twin.cookies["wayfork_session"] = str(vera.client.session.session_key)
    statuses: list[int] = []

    def confirm(twin: Client) -> Callable[[], None]:
        return lambda: statuses.append(twin.post(f"/sso/{row.key}/link").status_code)

    at_once([confirm(twin) for twin in twins])
    assert 302 in statuses
    assert set(statuses) <= {302, 403}
    identity = FederatedIdentity.objects.within(shop.organization).get()
    assert (identity.user, identity.subject) == (shop.vera.user, "v-1")


def test_the_same_answer_brought_at_once_is_taken_or_refused_plainly(
    shop: World, hostile: Hostile
) -> None:
    """A double click: the state works once, or the session has moved on; nothing breaks."""
    row = set_up(shop, hostile)
    browser = Browser(hostile)
    asked = browser.begin(row.key)
    hostile.id_token = hostile.sign(hostile.claims(asked["nonce"]))
    hostile.told = {"sub": "nina"}
    back = f"/sso/{row.key}/callback?code=c0de&state={asked['state']}"
    twins = [Client() for _ in range(TIMES)]
    for twin in twins:
        twin.cookies["wayfork_session"] = str(browser.client.session.session_key)
    statuses = come_back_at_once([(twin, back) for twin in twins])
    assert set(statuses) <= {302, 403}
    assert 302 in statuses
    assert User.objects.filter(email="nina@solar.example").count() == 1
    assert FederatedIdentity.objects.within(shop.organization).count() == 1


def test_an_account_made_by_another_door_in_the_same_moment_is_not_taken_over(
    shop: World, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the step somebody signs up with the address."""
    row = set_up(shop, hostile)
    make = User.objects.create_user
    rival: list[User] = []

    def overtaken(email: str, password: str | None, **more: Any) -> User:
        if not rival:
            at_once([lambda: rival.append(make(email, "somebody-elses-word"))])
        return make(email, password, **more)

    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time: nobody overtakes.")
    monkeypatch.setattr(User.objects, "create_user", overtaken)
    browser = Browser(hostile)
    assert browser.sign_in(row.key).status_code == 409
    assert browser.person is None
    assert not FederatedIdentity.objects.within(shop.organization).exists()


def test_nobody_is_shut_out_when_it_is_required_while_the_glass_is_taken_away(
    shop: World, hostile: Hostile
) -> None:
    row, owner = set_up(shop, hostile), owner_of(shop)
    olivia = Membership.objects.within(shop.organization).get(user=shop.olivia.user).pk
    refused: list[Exception] = []

    def attempt(act: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except providers.CannotRequire as error:
                refused.append(error)

        return run

    for times in range(1, 4):
        providers.require(owner, row.key, is_required=False)
        providers.set_break_glass(owner, olivia, allowed=True)
        at_once(
            [
                attempt(lambda: providers.require(owner, row.key, is_required=True)),
                attempt(lambda: providers.set_break_glass(owner, olivia, allowed=False)),
            ]
        )
        assert len(refused) == times, "one of the two comes first and shuts the other out"
