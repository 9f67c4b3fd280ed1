"""The sign-in page by address, and organizations that want everybody to come in by their company."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.actions import members, organizations, providers
from accounts.actions.standing import LastGlassBreaker
from accounts.models import FederatedIdentity, IdentityProvider, Membership
from accounts.sso import people, round_trips
from tests.identity_provider.hostile import Hostile
from tests.identity_provider.visitors import Browser, owner_of
from tests.world.cast import PASSWORD, Person, World

LOGIN = "/accounts/login/"


def enter(person: Person, **more: Any) -> tuple[Client, Any]:
    """Sign in with a password."""
    client = Client()
    given = {"login": person.user.email, "password": PASSWORD, **more}
    return client, client.post(LOGIN, given)


def membership_of(world: World, person: Person) -> Membership:
    found: Membership = Membership.objects.within(world.organization).get(user=person.user)
    return found


@pytest.fixture
def required(world: World, okta: IdentityProvider) -> IdentityProvider:
    """Solar's people come in by Okta, and Olivia may break the glass."""
    access = owner_of(world)
    providers.set_break_glass(access, membership_of(world, world.olivia).id, allowed=True)
    return providers.require(access, okta.key, is_required=True)


# --- the address first


def test_where_no_company_signs_anybody_in_address_and_password_are_asked_at_once(
    world: World,
) -> None:
    page = Client().get(LOGIN).content.decode()
    assert 'name="password"' in page


def test_an_address_of_a_proved_domain_leads_to_its_provider(
    world: World, okta: IdentityProvider
) -> None:
    client = Client()
    assert 'name="password"' not in client.get(LOGIN).content.decode()
    page = client.post(LOGIN, {"login": "anybody@Solar.example", "next": "/sso/"}).content.decode()
    assert f"/sso/{okta.key}/login?next=%2Fsso%2F" in page
    assert "Okta" in page


def test_known_and_unknown_addresses_are_led_alike(world: World, okta: IdentityProvider) -> None:
    """Nobody can find out by this page who has an account."""

    def shown(email: str) -> str:
        return Client().post(LOGIN, {"login": email}).content.decode().replace(email, "")

    known, unknown = shown("stan@stranger.example"), shown("nobody@stranger.example")
    assert 'name="password"' in known
    assert _bare(known) == _bare(unknown)
    assert _bare(shown("max@solar.example")) == _bare(shown("nobody@solar.example"))


def _bare(page: str) -> list[str]:
    """The page but for what is drawn anew each time."""
    return [line for line in page.splitlines() if "csrf" not in line.lower()]


def test_whoever_wants_to_use_a_password_can_say_so(world: World, okta: IdentityProvider) -> None:
    assert 'name="password"' in Client().get(f"{LOGIN}?password=1").content.decode()


def test_a_provider_that_is_off_leads_nobody(world: World, okta: IdentityProvider) -> None:
    providers.switch(owner_of(world), okta.key, is_enabled=False)
    assert 'name="password"' in Client().post(LOGIN, {"login": "a@solar.example"}).content.decode()
    assert Client().get(f"/sso/{okta.key}/login").status_code == 403


# --- required


def test_a_password_is_not_enough_where_the_company_is_required(
    world: World, required: IdentityProvider
) -> None:
    client, answer = enter(world.max)
    assert answer.status_code == 403
    assert "Sign in with Okta" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_session_from_before_opens_the_organization_no_longer(
    world: World, okta: IdentityProvider
) -> None:
    client = world.max.client
    assert client.get(world.url("flags/")).status_code == 200
    access = owner_of(world)
    providers.set_break_glass(access, membership_of(world, world.olivia).id, allowed=True)
    providers.require(access, okta.key, is_required=True)
    assert client.get(world.url("flags/")).status_code == 403
    assert client.get("/api/v1/organizations/solar/projects/shop/environments").status_code == 403


def test_people_of_other_domains_still_use_their_password(
    world: World, required: IdentityProvider
) -> None:
    world.vera.user.email = "vera@freelance.example"
    world.vera.user.save()
    _client, answer = enter(world.vera)
    assert answer.status_code == 302


def test_a_new_address_frees_nobody_who_is_connected(
    world: World, required: IdentityProvider
) -> None:
    """The password opens the account and other organizations, but not the company's own."""
    world.vera.user.email = "vera@freelance.example"
    world.vera.user.save()
    connected = FederatedIdentity.objects.create(
        provider=required, subject="v", user=world.vera.user
    )
    organizations.create_organization("second", "Second", world.vera.user)
    client, answer = enter(world.vera)
    assert answer.status_code == 302
    assert client.get("/org/second/people/").status_code == 200
    assert "Sign in with Okta" in client.get("/?all=1").content.decode()
    for path in (world.url("flags/"), "/org/solar/people/", "/api/v1/organizations/solar"):
        assert client.get(path).status_code == 403
    with pytest.raises(people.OnlyWayIn):
        people.require_another_way_in(connected)


@pytest.mark.parametrize("is_required", [True, False])
def test_nobody_moves_their_account_out_of_a_required_domain(
    world: World, required: IdentityProvider, is_required: bool
) -> None:
    if not is_required:
        providers.require(owner_of(world), required.key, is_required=False)
    vera = world.vera.user
    for email, primary in ((vera.email, True), ("vera@freelance.example", False)):
        EmailAddress.objects.create(user=vera, email=email, verified=True, primary=primary)
    client = Client()
    client.force_login(vera)
    session = client.session
    proved = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods"] = proved
    session["account_authentication_methods_user"] = str(vera.pk)
    session.save()
    moved = {"email": "vera@freelance.example", "action_primary": ""}
    client.post("/accounts/email/", moved)
    vera.refresh_from_db()
    assert vera.email == ("vera@solar.example" if is_required else "vera@freelance.example")
    client.post("/accounts/email/", {"email": vera.email, "action_remove": ""})
    assert EmailAddress.objects.filter(user=vera, email=vera.email).exists()


def test_who_owns_no_longer_breaks_no_glass(world: World, required: IdentityProvider) -> None:
    access = owner_of(world)
    max_ = membership_of(world, world.max)
    members.set_owner(access, max_.id, is_owner=True)
    providers.set_break_glass(access, max_.id, allowed=True)
    assert enter(world.max)[1].status_code == 302
    members.set_owner(access, max_.id, is_owner=False)
    assert not membership_of(world, world.max).may_break_glass
    assert enter(world.max)[1].status_code == 403
    # Nor does what an earlier release left standing.
    Membership.objects.within(world.organization).filter(pk=max_.pk).update(may_break_glass=True)
    assert enter(world.max)[1].status_code == 403


@pytest.mark.parametrize("act", ["demote", "transfer", "deactivate", "remove", "leave"])
def test_somebody_who_may_break_the_glass_stays_while_it_is_required(
    world: World, required: IdentityProvider, act: str
) -> None:
    access = owner_of(world)
    mine, heir = membership_of(world, world.olivia), membership_of(world, world.max)
    members.set_owner(access, heir.id, is_owner=True)
    acts: dict[str, Callable[[], object]] = {
        "demote": lambda: members.set_owner(access, mine.id, is_owner=False),
        "transfer": lambda: members.transfer_ownership(access, heir.id),
        "deactivate": lambda: members.deactivate(access, mine.id, ""),
        "remove": lambda: members.remove(access, mine.id, ""),
        "leave": lambda: members.leave(access),
    }
    with pytest.raises(LastGlassBreaker):
        acts[act]()
    providers.set_break_glass(access, heir.id, allowed=True)
    acts[act]()


def test_the_break_glass_owner_gets_in_and_everybody_can_read_it(
    world: World, required: IdentityProvider
) -> None:
    client, answer = enter(world.olivia)
    assert answer.status_code == 302
    assert "_auth_user_id" in client.session
    assert client.get("/org/solar/people/").status_code == 200
    assert "sso.break_glass" in [line.action for line in world.ledger()]


def test_the_provider_opens_what_it_is_required_for(
    world: World, required: IdentityProvider, browser: Browser
) -> None:
    browser.sign_in(required.key)
    assert browser.client.get("/org/solar/people/").status_code == 200


def test_somebody_with_an_account_from_before_signs_in_once_and_connects_it(
    world: World, required: IdentityProvider, browser: Browser
) -> None:
    assert browser.sign_in(required.key, sub="m", email="max@solar.example").status_code == 409
    link = f"/sso/{required.key}/link"
    entered = {"login": "max@solar.example", "password": PASSWORD, "next": link}
    assert browser.client.post(LOGIN, entered).headers["Location"] == link
    # The password has opened nothing but that page.
    assert browser.client.get(world.url("flags/")).status_code == 403
    browser.client.post(link)
    assert browser.client.get(world.url("flags/")).status_code == 200


def test_being_vouched_for_opens_nobody_elses_account(
    world: World, required: IdentityProvider, browser: Browser
) -> None:
    browser.sign_in(required.key, sub="m", email="max@solar.example")
    answer = browser.client.post(LOGIN, {"login": "vera@solar.example", "password": PASSWORD})
    assert answer.status_code == 403


def test_tokens_go_on_working_since_an_owner_can_revoke_them(
    world: World, required: IdentityProvider
) -> None:
    headers = {"Authorization": f"Bearer {world.max.token()}"}
    assert Client().get("/api/v1/organizations", headers=headers).status_code == 200


# --- what may be required


def test_nothing_is_required_before_somebody_may_break_the_glass(
    world: World, okta: IdentityProvider
) -> None:
    answer = world.olivia.client.post(
        f"/org/solar/sign-in/providers/{okta.key}/require", {"on": "true"}
    )
    assert answer.status_code == 409
    okta.refresh_from_db()
    assert not okta.is_required


def test_nothing_is_required_of_domains_that_are_not_proved(
    world: World, okta: IdentityProvider
) -> None:
    access = owner_of(world)
    providers.set_break_glass(access, membership_of(world, world.olivia).id, allowed=True)
    okta.domains.all().delete()
    with pytest.raises(providers.CannotRequire):
        providers.require(access, okta.key, is_required=True)


def test_the_last_break_glass_owner_stays_one_while_it_is_required(
    world: World, required: IdentityProvider
) -> None:
    with pytest.raises(providers.CannotRequire):
        providers.set_break_glass(
            owner_of(world), membership_of(world, world.olivia).id, allowed=False
        )


def test_only_an_owner_with_a_password_breaks_the_glass(
    world: World, okta: IdentityProvider
) -> None:
    client = world.olivia.proven
    world.olivia.user.set_unusable_password()
    world.olivia.user.save()
    client.force_login(world.olivia.user)
    answer = client.post(
        "/org/solar/sign-in/break-glass",
        {"member": str(membership_of(world, world.olivia).id), "allowed": "true"},
    )
    assert answer.status_code in {302, 422}
    assert not membership_of(world, world.olivia).may_break_glass


def test_switching_off_frees_people_to_use_passwords(
    world: World, required: IdentityProvider
) -> None:
    providers.switch(owner_of(world), required.key, is_enabled=False)
    _client, answer = enter(world.max)
    assert answer.status_code == 302


def test_a_next_address_of_another_site_is_dropped(rf: Any, hostile: Hostile) -> None:
    request = rf.get("/")
    for evil in ("https://evil.example", "//evil.example", "/\\evil.example", None, ""):
        assert round_trips.safe_next(request, evil) == "/"
