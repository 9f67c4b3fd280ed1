"""Who comes in through a provider, as whom, and with which rights."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from accounts import access as tickets
from accounts.actions import domains, members, providers
from accounts.models import (
    AccessRequest,
    AuditEntry,
    FederatedIdentity,
    IdentityProvider,
    Membership,
    Project,
    ProjectRole,
    SsoSession,
    Team,
    TeamMember,
    User,
)
from accounts.permissions import Role
from tests.identity_provider.hostile import ABSENT, Hostile
from tests.identity_provider.visitors import Browser, kept_in, last_cause, make_provider, owner_of
from tests.world.cast import PASSWORD, World


def nina() -> User:
    return User.objects.get(email="nina@solar.example")


def role_of(user: User, world: World) -> str | None:
    found = ProjectRole.objects.within(world.project).filter(membership__user=user).first()
    return found.role if found else None


def set_plan(world: World, provider: IdentityProvider, **changed: Any) -> None:
    access = owner_of(world)
    kept = providers.ProviderPlan(
        **{name: getattr(provider, name) for name in providers.ProviderPlan.__dataclass_fields__}
    )
    providers.set_up(access, provider.key, replace(kept, **changed))


# --- just in time


def test_a_newcomer_of_a_proved_domain_gets_an_account_and_a_membership(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.sign_in(okta.key)
    membership = Membership.objects.within(world.organization).get(user=nina())
    assert membership.is_active
    assert not membership.is_owner
    assert not nina().has_usable_password()
    assert (nina().name, browser.person) == ("Nina", nina())
    assert [line.action for line in world.ledger()[-2:]] == ["member.joined", "sso.signed_in"]


def test_a_newcomer_holds_the_default_role_in_open_projects_and_asks_for_closed_ones(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    set_plan(world, okta, default_role="editor")
    open_project = Project.objects.create(organization=world.organization, key="blog", name="Blog")
    browser.sign_in(okta.key)
    held = ProjectRole.objects.within(open_project).get(membership__user=nina())
    assert held.role == "editor"
    assert role_of(nina(), world) is None
    asked = AccessRequest.objects.within(world.project).get(membership__user=nina())
    assert (asked.role, asked.status) == ("editor", "pending")
    assert browser.client.get(world.url("flags/")).status_code == 404


def test_closed_projects_are_asked_once_and_not_at_every_sign_in(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    set_plan(world, okta, default_role="viewer")
    browser.sign_in(okta.key)
    AccessRequest.objects.within(world.project).update(status="declined")
    Browser(hostile).sign_in(okta.key)
    assert AccessRequest.objects.within(world.project).count() == 1


def test_a_project_that_is_closed_later_is_not_asked_for_at_the_next_sign_in(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    """Nor is whoever runs it told that nobody asked for: only a newcomer's first step asks."""
    world.project.is_open = True
    world.project.save(update_fields=["is_open"])
    set_plan(world, okta, default_role="viewer")
    browser.sign_in(okta.key)
    Project.objects.create(organization=world.organization, key="merger", name="Merger")
    Project.objects.within(world.organization).filter(key="merger").update(is_open=False)
    Browser(hostile).sign_in(okta.key)
    assert not AccessRequest.objects.within(world.organization).exists()
    assert "access.requested" not in {line.action for line in world.ledger()}


def test_the_same_subject_is_the_same_person_whatever_else_the_provider_says(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    again = Browser(hostile)
    again.sign_in(okta.key, email="nina.married@solar.example", name="N.", email_verified=False)
    assert again.person == nina()
    assert User.objects.filter(email__startswith="nina").count() == 1


def test_a_person_in_two_tabs_comes_in_once(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    first, second = browser.begin(okta.key), browser.begin(okta.key)
    assert browser.answered(okta.key, first).status_code == 302
    # The first answer rotated the session; the second tab's journey is still known.
    assert browser.answered(okta.key, second).status_code == 302
    assert FederatedIdentity.objects.within(world.organization).count() == 1


def test_the_session_key_changes_at_sign_in(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    asked = browser.begin(okta.key)
    before = browser.client.session.session_key
    browser.answered(okta.key, asked)
    assert browser.client.session.session_key != before


def test_people_go_on_to_where_they_were_but_never_to_another_site(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    asked = browser.begin(okta.key, next="/organizations/new")
    assert browser.answered(okta.key, asked).headers["Location"] == "/organizations/new"
    for evil in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil"):
        other = Browser(hostile)
        asked = other.begin(okta.key, next=evil)
        assert other.answered(okta.key, asked).headers["Location"] == "/"


# --- an address that has an account


def test_an_address_that_has_an_account_is_never_linked_by_itself(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    answer = browser.sign_in(okta.key, sub="x", email="Olivia@solar.example")
    assert answer.status_code == 409
    assert browser.person is None
    assert not FederatedIdentity.objects.within(world.organization).exists()
    assert "has an account here already" in answer.content.decode()


def test_whoever_signs_in_to_the_account_connects_it_once_and_for_all(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key, sub="max-there", email="max@solar.example")
    link = f"/sso/{okta.key}/link"
    led = browser.client.get(link)
    assert led.headers["Location"].startswith("/accounts/login/")
    entered = {"login": "max@solar.example", "password": PASSWORD, "next": link}
    assert browser.client.post("/accounts/login/", entered).headers["Location"] == link
    assert "max@solar.example" in browser.client.get(link).content.decode()
    assert browser.client.post(link).status_code == 302
    assert FederatedIdentity.objects.within(world.organization).get().user == world.max.user
    later = Browser(hostile)
    later.sign_in(okta.key, sub="max-there", email=ABSENT)
    assert later.person == world.max.user


def test_somebody_else_who_signs_in_cannot_connect_what_was_vouched_for_another(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.sign_in(okta.key, sub="max-there", email="max@solar.example")
    browser.client.force_login(world.vera.user)
    link = f"/sso/{okta.key}/link"
    assert browser.client.get(link).status_code == 403
    assert browser.client.post(link).status_code == 403
    assert not FederatedIdentity.objects.within(world.organization).exists()


def test_nothing_is_connected_by_a_bare_request(world: World, okta: IdentityProvider) -> None:
    assert world.max.client.post(f"/sso/{okta.key}/link").status_code == 403
    assert not FederatedIdentity.objects.within(world.organization).exists()


def test_a_member_connects_from_their_own_pages_whatever_the_address_there(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.client.force_login(world.vera.user)
    assert okta.name in browser.client.get("/sso/").content.decode()
    asked = browser.begin(okta.key, "connect")
    answer = browser.answered(okta.key, asked, sub="v-1", email="v@home.example")
    assert answer.headers["Location"] == f"/sso/{okta.key}/link"
    browser.client.post(answer.headers["Location"])
    assert FederatedIdentity.objects.within(world.organization).get().user == world.vera.user


def test_a_journey_begun_by_one_person_cannot_be_ended_by_another(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.client.force_login(world.vera.user)
    asked = browser.begin(okta.key, "connect")
    session = browser.client.session
    kept = session["oidc_states"]
    browser.client.force_login(world.max.user)
    session = browser.client.session
    session["oidc_states"] = kept
    session.save()
    assert browser.answered(okta.key, asked).status_code == 403


def test_a_stranger_cannot_connect_their_account_to_somebody_elses_company(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.client.force_login(world.stan.user)
    asked = browser.begin(okta.key, "connect")
    browser.answered(okta.key, asked, sub="st", email="stan@stranger.example")
    assert browser.client.post(f"/sso/{okta.key}/link").status_code == 403
    assert not Membership.objects.within(world.organization).filter(user=world.stan.user).exists()


def test_whoever_came_in_by_one_company_connects_another_in_the_same_session(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    """The browser session goes on, so the row that vouches for it changes hands."""
    browser.sign_in(okta.key)
    theirs = owner_of(world, "stranger")
    other = make_provider(theirs, hostile.issuer, name="Theirs", domain="")
    members.join(theirs.organization, nina(), via="test", origin=tickets.Origin())
    browser.answered(other.key, browser.begin(other.key, "connect"), sub="n-2")
    assert browser.client.post(f"/sso/{other.key}/link").status_code == 302
    assert SsoSession.across_tenants.get().identity.provider == other


def test_a_subject_that_is_somebodys_cannot_be_connected_to_another_account(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    other = Browser(hostile)
    other.client.force_login(world.vera.user)
    other.answered(okta.key, other.begin(okta.key, "connect"))
    assert other.client.post(f"/sso/{okta.key}/link").status_code == 403


def test_only_people_with_another_way_in_disconnect(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    assert browser.client.post(f"/sso/{okta.key}/disconnect").status_code == 409
    vera = Browser(hostile)
    vera.client.force_login(world.vera.user)
    vera.answered(okta.key, vera.begin(okta.key, "connect"), sub="v")
    vera.client.post(f"/sso/{okta.key}/link")
    assert vera.client.post(f"/sso/{okta.key}/disconnect").status_code == 302
    known = FederatedIdentity.objects.within(world.organization)
    assert [identity.user for identity in known] == [nina()]


def test_an_account_the_directory_prepared_is_entered_without_a_password_it_never_had(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    prepared = User.objects.create_user("pia@solar.example", None)
    members.join(
        world.organization, prepared, via="scim", origin=tickets.Origin(), directory_id="d-1"
    )
    browser.sign_in(okta.key, sub="pia", email="pia@solar.example")
    assert browser.person == prepared


@pytest.mark.parametrize("how", ["used", "elsewhere", "not of the directory"])
def test_an_account_that_anybody_else_could_own_is_not_taken_for_prepared(
    world: World, okta: IdentityProvider, browser: Browser, how: str
) -> None:
    prepared = User.objects.create_user("pia@solar.example", None)
    directory = "" if how == "not of the directory" else "d-1"
    origin = tickets.Origin()
    members.join(world.organization, prepared, via="scim", origin=origin, directory_id=directory)
    if how == "elsewhere":
        members.join(owner_of(world, "stranger").organization, prepared, via="x", origin=origin)
    if how == "used":
        prepared.set_password("long-enough-password")
        prepared.save()
    assert browser.sign_in(okta.key, sub="pia", email="pia@solar.example").status_code == 409
    assert browser.person is None


# --- subjects that change, providers that differ


def test_a_provider_that_changes_its_subjects_lets_nobody_in_until_an_owner_says_so(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    later = Browser(hostile)
    answer = later.sign_in(okta.key, sub="00u1-nina")
    assert answer.status_code == 403
    assert last_cause(world) == "subject_changed"
    identity = FederatedIdentity.objects.within(world.organization).get()
    world.olivia.client.post(f"/org/solar/sign-in/providers/{okta.key}/people/{identity.id}/forget")
    assert later.sign_in(okta.key, sub="00u1-nina").status_code == 409  # sign in, then connect
    # Whoever was signed in by the old connection is not any more.
    assert browser.client.get("/sso/").status_code == 401


def test_an_address_claimed_by_two_providers_is_the_one_its_domain_leads_to(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    second = make_provider(owner_of(world), hostile.second, name="Second", domain="")
    answer = browser.sign_in(second.key, iss=second.issuer)
    assert answer.status_code == 403
    assert last_cause(world) == "domain_unproved"
    assert browser.sign_in(okta.key).status_code == 302
    # Not even then: the person is known to the first, and the second does not speak for it.
    assert Browser(hostile).sign_in(second.key, iss=second.issuer).status_code == 403


def test_the_provider_of_one_organization_asserts_nobody_of_another(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    theirs = make_provider(
        owner_of(world, "stranger"), hostile.issuer, name="Theirs", domain="stranger.example"
    )
    answer = browser.sign_in(theirs.key, sub="o", email="olivia@solar.example")
    assert answer.status_code == 403
    assert browser.person is None
    lines = AuditEntry.objects.within(owner_of(world, "stranger").organization)
    assert kept_in(lines.order_by("-sequence")[0])["cause"] == "domain_unproved"


def test_the_same_subject_at_two_providers_is_two_people(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    theirs = make_provider(
        owner_of(world, "stranger"), hostile.issuer, name="Theirs", domain="stranger.example"
    )
    browser.sign_in(okta.key)
    other = Browser(hostile)
    other.sign_in(theirs.key, email="nina@stranger.example")
    assert other.person is not None
    assert other.person != browser.person


def test_a_state_of_one_provider_is_refused_at_another(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    theirs = make_provider(
        owner_of(world, "stranger"), hostile.issuer, name="Theirs", domain="stranger.example"
    )
    asked = browser.begin(theirs.key)
    assert browser.answered(okta.key, asked).status_code == 403
    assert browser.person is None
    # And it is used up.
    assert browser.answered(theirs.key, asked).status_code == 403


def test_a_domain_that_is_only_claimed_vouches_for_nobody(
    world: World, hostile: Hostile, browser: Browser
) -> None:
    row = make_provider(owner_of(world), hostile.issuer, domain="")
    domains.claim(owner_of(world), "solar.example", row.key)
    assert browser.sign_in(row.key).status_code == 403


# --- people who were let out


def test_a_deactivated_member_is_not_let_in_again_by_the_provider(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    membership = Membership.objects.within(world.organization).get(user=nina())
    members.deactivate(owner_of(world), membership.id, "left")
    assert Browser(hostile).sign_in(okta.key).status_code == 403
    assert last_cause(world) == "deactivated"
    membership.refresh_from_db()
    assert not membership.is_active


def test_a_deactivated_account_loses_its_session_with_the_next_request(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    assert browser.client.get("/sso/").status_code == 200
    User.objects.filter(email="nina@solar.example").update(is_active=False)
    assert browser.client.get("/").status_code == 401
    assert Browser(hostile).sign_in(okta.key).status_code == 403


def test_a_deactivated_member_with_an_account_elsewhere_is_not_asked_to_connect(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    membership = Membership.objects.within(world.organization).get(user=world.max.user)
    members.deactivate(owner_of(world), membership.id, "left")
    assert browser.sign_in(okta.key, sub="m", email="max@solar.example").status_code == 403


# --- groups


def test_groups_bring_roles_and_teams_and_take_them_back(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    access = owner_of(world)
    team = Team.objects.create(organization=world.organization, key="web", name="Web")
    providers.add_group(access, okta.key, "devs", project_key="shop", role="editor")
    providers.add_group(access, okta.key, "leads", project_key="shop", role="admin")
    providers.add_group(access, okta.key, "devs", team_key="web")
    Browser(hostile).sign_in(okta.key, groups=["devs", "leads", "unknown"])
    assert role_of(nina(), world) == "admin"
    assert team.members.count() == 1
    Browser(hostile).sign_in(okta.key, groups=["devs"])
    assert role_of(nina(), world) == "editor"
    Browser(hostile).sign_in(okta.key, groups=[])
    assert role_of(nina(), world) is None
    assert team.members.count() == 0


def test_a_role_given_by_hand_outlives_the_groups(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    providers.add_group(owner_of(world), okta.key, "leads", project_key="shop", role="admin")
    Browser(hostile).sign_in(okta.key)
    at_project = tickets.of_member(world.olivia.user, "solar", "shop")
    members.set_role(at_project, nina(), Role.VIEWER)
    Browser(hostile).sign_in(okta.key, groups=["leads"])
    assert role_of(nina(), world) == "admin"
    Browser(hostile).sign_in(okta.key, groups=[])
    assert role_of(nina(), world) == "viewer"


def test_what_was_changed_by_hand_meanwhile_is_left_alone(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    providers.add_group(owner_of(world), okta.key, "leads", project_key="shop", role="editor")
    Browser(hostile).sign_in(okta.key, groups=["leads"])
    at_project = tickets.of_member(world.olivia.user, "solar", "shop")
    members.set_role(at_project, nina(), Role.ADMIN)
    Browser(hostile).sign_in(okta.key, groups=[])
    assert role_of(nina(), world) == "admin"


def test_a_missing_claim_means_no_groups_but_one_left_out_as_too_long_means_nothing(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    providers.add_group(owner_of(world), okta.key, "leads", project_key="shop", role="editor")
    Browser(hostile).sign_in(okta.key, groups=["leads"])
    Browser(hostile).sign_in(okta.key, _claim_names={"groups": "src1"})
    assert role_of(nina(), world) == "editor"
    Browser(hostile).sign_in(okta.key)
    assert role_of(nina(), world) is None


def brought_by_leads(world: World, okta: IdentityProvider, browser: Browser) -> FederatedIdentity:
    """Nina is an admin and in team Web, by her group alone."""
    access = owner_of(world)
    Team.objects.create(organization=world.organization, key="web", name="Web")
    providers.add_group(access, okta.key, "leads", project_key="shop", role="admin")
    providers.add_group(access, okta.key, "leads", team_key="web")
    browser.sign_in(okta.key, groups=["leads"])
    assert role_of(nina(), world) == "admin"
    found: FederatedIdentity = FederatedIdentity.objects.within(world.organization).get()
    return found


def assert_all_is_gone(world: World) -> None:
    assert role_of(nina(), world) is None
    assert TeamMember.objects.within(world.organization).count() == 0
    gone = [line for line in world.ledger() if line.action == "role.set"][-1]
    assert (gone.target, gone.before, gone.after) == ("nina@solar.example", "admin", None)


def test_what_groups_brought_goes_when_the_person_disconnects(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    brought_by_leads(world, okta, browser)
    person = nina()
    person.set_password(PASSWORD)
    person.save()
    local = Browser(hostile)
    local.client.force_login(person)
    assert local.client.post(f"/sso/{okta.key}/disconnect").status_code == 302
    assert_all_is_gone(world)
    local.answered(okta.key, local.begin(okta.key, "connect"), groups=[])
    local.client.post(f"/sso/{okta.key}/link")
    assert FederatedIdentity.objects.within(world.organization).exists()
    assert role_of(nina(), world) is None


def test_what_groups_brought_goes_when_an_owner_removes_the_connection(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    identity = brought_by_leads(world, okta, browser)
    providers.forget(owner_of(world), okta.key, identity.pk)
    assert_all_is_gone(world)


def test_what_groups_brought_goes_with_the_provider(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    brought_by_leads(world, okta, browser)
    providers.delete(owner_of(world), okta.key)
    assert_all_is_gone(world)


def test_whoever_is_deactivated_meanwhile_does_not_return_with_what_groups_brought(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    brought_by_leads(world, okta, browser)
    membership = Membership.objects.within(world.organization).get(user=nina())
    members.deactivate(owner_of(world), membership.id, "left")
    providers.delete(owner_of(world), okta.key)
    members.reactivate(owner_of(world), membership.id)
    assert_all_is_gone(world)


def test_a_role_given_by_hand_is_back_when_the_connection_goes(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    browser.sign_in(okta.key)
    at_project = tickets.of_member(world.olivia.user, "solar", "shop")
    members.set_role(at_project, nina(), Role.VIEWER)
    providers.add_group(owner_of(world), okta.key, "leads", project_key="shop", role="admin")
    Browser(hostile).sign_in(okta.key, groups=["leads"])
    providers.delete(owner_of(world), okta.key)
    assert role_of(nina(), world) == "viewer"


def test_groups_never_bring_what_another_organization_owns(
    world: World, okta: IdentityProvider
) -> None:
    answer = world.olivia.client.post(
        f"/org/solar/sign-in/providers/{okta.key}/groups/",
        {"group": "devs", "brings": "admin:not-ours"},
    )
    assert answer.status_code == 422


# --- what a session opens


def test_the_word_of_a_company_opens_no_other_organization(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    """Stan connects his account to Solar's provider; Solar cannot enter Stranger by it."""
    members.join(world.organization, world.stan.user, via="test", origin=tickets.Origin())
    browser.client.force_login(world.stan.user)
    browser.answered(okta.key, browser.begin(okta.key, "connect"), sub="st")
    browser.client.post(f"/sso/{okta.key}/link")
    thief = Browser(browser.hostile)
    thief.sign_in(okta.key, sub="st")
    assert thief.person == world.stan.user
    assert thief.client.get("/org/solar/people/").status_code == 200
    refused = thief.client.get("/org/stranger/people/")
    assert refused.status_code == 403
    local = Client()
    local.force_login(world.stan.user)
    assert local.get("/org/stranger/people/").status_code == 200
