"""Pages of an organization's people: looking them up, letting them in and out."""

import re
from dataclasses import replace
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import access as tickets
from accounts.actions import (
    access_requests,
    credentials,
    destinations,
    invitations,
    members,
    organizations,
    teams,
)
from accounts.actions.credentials import Reach
from accounts.actions.destinations import DestinationPlan
from accounts.actions.invitations import Entrance
from accounts.models import Invitation, Membership, Organization, Team, User
from accounts.permissions import Permission, Role
from tests.api import ROOT, Api
from tests.world.cast import Person, World

pytestmark = pytest.mark.django_db

PEOPLE = "/org/solar/people/"
EDITOR_OF_SHOP = Entrance((("shop", Role.EDITOR),))


def owner(world: World):
    return tickets.of_member(world.olivia.user, "solar")


def page_of(world: World, person: Person) -> str:
    found = Membership.objects.within(world.organization).get(user=person.user)
    return f"{PEOPLE}{found.pk}/"


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_people_are_found_by_name_or_address(world: World) -> None:
    client = world.vera.client
    assert "max@solar.example" in text(client.get(PEOPLE))
    found = text(client.get(PEOPLE, {"q": "MAX solar"}, headers={"HX-Request": "true"}))
    assert "max@solar.example" in found
    assert "ada@solar.example" not in found
    assert "Nobody here is called that" in text(client.get(PEOPLE, {"q": "zzz"}))


def test_roles_of_a_project_are_shown_to_those_who_see_it(world: World) -> None:
    assert "Shop" in text(world.vera.client.get(PEOPLE))
    assert "Shop" not in text(world.mia.client.get(PEOPLE))
    assert "Shop" not in text(world.mia.client.get(page_of(world, world.max)))


def test_the_page_of_a_person_explains_why_they_may_not(world: World) -> None:
    found = text(world.max.client.get(page_of(world, world.max), {"project": "shop"}))
    assert "editor in person" in found
    assert "needs one of: reviewer, admin, or owner" in found
    assert world.max.client.get(page_of(world, world.max), {"project": "x"}).status_code == 404


def test_the_page_of_a_person_leads_owners_to_what_they_did_and_what_was_done(
    world: World,
) -> None:
    credentials.create_token(world.max.at(), "laptop", Reach())
    member = Membership.objects.within(world.organization).get(user=world.max.user)
    address = f"/org/solar/people/{member.pk}/"
    page = world.olivia.client.get(address).content.decode()
    did, done = re.findall(r'href="(/org/solar/audit/[?][^"]+)"', page)
    lines = world.olivia.client.get(did.replace("&amp;", "&")).content.decode()
    assert "laptop" in lines
    lines = world.olivia.client.get(done.replace("&amp;", "&")).content.decode()
    assert "added member" in lines
    assert "laptop" not in lines
    assert "audit/?" not in world.ada.client.get(address).content.decode()


def test_the_page_of_people_asks_the_database_as_often_for_many_as_for_few(world: World) -> None:
    client = world.olivia.client
    client.get(PEOPLE)
    with CaptureQueriesContext(connection) as few:
        client.get(PEOPLE)
    for number in range(30):
        members.add_member(owner(world), User.objects.create_user(f"n{number}@solar.example"))
    with CaptureQueriesContext(connection) as many:
        assert "n29@solar.example" in text(client.get(PEOPLE))
    assert len(many) == len(few)


def test_an_owner_lets_somebody_out_and_in_again(world: World) -> None:
    page, client = page_of(world, world.max), world.olivia.client
    answer = client.post(f"{page}deactivate", {"reason": "on leave"}, follow=True)
    assert "deactivated" in text(answer)
    assert world.ledger()[-1].reason == "on leave"
    assert "Reactivate" in text(client.get(page))
    client.post(f"{page}reactivate")
    assert world.max.at().may(Permission.EDIT_FLAGS)
    client.post(f"{page}remove", {"reason": "left"})
    assert client.get(page).status_code == 404


def test_the_last_owner_is_told_why_they_must_stay(world: World) -> None:
    answer = world.olivia.client.post("/org/solar/settings/leave")
    assert answer.status_code == 409
    assert "Make somebody else an owner first" in text(answer)


def test_ownership_is_transferred_and_then_the_former_owner_may_leave(world: World) -> None:
    heir = Membership.objects.within(world.organization).get(user=world.ada.user)
    client = world.olivia.proven
    client.post("/org/solar/settings/transfer", {"heir": heir.pk})
    assert client.post("/org/solar/settings/", {"name": "Mine"}).status_code == 403
    assert client.post("/org/solar/settings/leave").status_code == 302
    assert client.get(PEOPLE).status_code == 404


@pytest.mark.parametrize("heir", ["", "nobody"])
def test_ownership_goes_to_somebody(world: World, heir: str) -> None:
    answer = world.olivia.client.post("/org/solar/settings/transfer", {"heir": heir})
    assert answer.status_code == 422


def test_an_admin_gives_a_role_on_the_projects_page(world: World) -> None:
    mia = Membership.objects.within(world.organization).get(user=world.mia.user)
    client = world.ada.client
    client.post("/org/solar/projects/shop/people", {"member": mia.pk, "role": "editor"})
    assert world.mia.at().may(Permission.EDIT_FLAGS)
    client.post("/org/solar/projects/shop/people", {"member": mia.pk, "role": ""})
    assert world.mia.client.get("/org/solar/projects/shop/").status_code == 404
    for odd in ({"member": "x", "role": "editor"}, {"member": mia.pk, "role": "king"}):
        assert client.post("/org/solar/projects/shop/people", odd).status_code == 422


def test_an_admin_opens_and_renames_a_project(world: World) -> None:
    world.ada.client.post("/org/solar/projects/shop/", {"name": "Roof shop", "is_open": "on"})
    found = text(world.mia.client.get("/org/solar/projects/shop/"))
    assert "Roof shop" in found
    assert "Save project" not in found


def test_a_projects_pages_share_their_tabs(world: World) -> None:
    people, notifications = "/org/solar/projects/shop/", "/org/solar/projects/shop/notifications/"
    for page in (people, notifications, f"{notifications}new/slack/"):
        shown = " ".join(text(world.ada.client.get(page)).split())
        for address in (people, notifications):
            assert f'class="tab" href="{address}"' in shown
    assert 'aria-current="page">Notifications' in shown
    assert "<h1> Shop </h1>" in shown
    # Whoever may not open a section has no tab for it.
    assert f'class="tab" href="{notifications}"' not in " ".join(
        text(world.max.client.get(people)).split()
    )


def test_the_rail_marks_the_area_that_notifications_belong_to(world: World) -> None:
    plan = DestinationPlan("webhook", "Log", "https://93.184.216.34/hook", project="shop")
    made = destinations.create(world.ada.at(), plan).destination
    area = "/org/solar/projects/shop/"
    here = f"{area}notifications/"
    for page in (here, f"{here}new/slack/", f"{here}{made.id}/", f"{here}{made.id}/edit"):
        assert marked(world.ada.client.get(page)) == [area], page
    assert marked(world.olivia.client.get("/org/solar/notifications/")) == ["/org/solar/people/"]


def marked(answer: Any) -> list[str]:
    """Where the marked links of the rail lead."""
    assert answer.status_code == 200
    links = re.findall(r'<a class="rail-link"([^>]*)>', text(answer))
    return [
        href
        for one in links
        if 'aria-current="page"' in one
        for href in re.findall(r'href="([^"]*)"', one)
    ]


def test_a_page_counts_what_is_unread_once(world: World) -> None:
    with CaptureQueriesContext(connection) as asked:
        world.max.client.get("/o/solar/shop/production/flags/")
    counted = [one for one in asked if "COUNT" in one["sql"] and "accounts_notice" in one["sql"]]
    assert len(counted) == 1


def test_an_owner_makes_a_team_whose_key_comes_from_its_name(world: World) -> None:
    client = world.olivia.client
    assert client.post("/org/solar/teams/", {"name": "Web & Shop"}).status_code == 302
    team = Team.objects.within(world.organization).get()
    assert team.key == "web-shop"
    assert client.post("/org/solar/teams/", {"name": "Web & Shop"}).status_code == 422
    max_ = Membership.objects.within(world.organization).get(user=world.max.user)
    client.post("/org/solar/teams/web-shop/members", {"members": [str(max_.pk)]})
    assert world.max.at().teams == {"web-shop"}
    assert client.post("/org/solar/teams/web-shop/members", {"members": "x"}).status_code == 422
    client.post("/org/solar/teams/web-shop/delete")
    assert not Team.objects.within(world.organization).exists()


def test_a_second_factor_is_required_only_by_an_owner_who_has_one(world: World) -> None:
    answer = world.olivia.client.post(
        "/org/solar/settings/", {"name": "Solar", "require_mfa": "on"}
    )
    assert answer.status_code == 422
    assert "second factor yourself" in text(answer)
    world.organization.refresh_from_db()
    assert not world.organization.require_mfa


# --- invitations


def test_an_owner_invites_several_people_by_e_mail(world: World) -> None:
    teams.create(owner(world), "web", "Web")
    answer = world.olivia.client.post(
        "/org/solar/invitations/",
        {
            "emails": "nora@solar.example, nils@solar.example\nnina@solar.example",
            "role-shop": "editor",
            "teams": "web",
            "days": "3",
            "uses": "1",
        },
        follow=True,
    )
    assert "Invited: 3." in text(answer)
    assert sorted(letter.to[0] for letter in mail.outbox) == [
        "nils@solar.example",
        "nina@solar.example",
        "nora@solar.example",
    ]
    invitation = Invitation.objects.within(world.organization)[0]
    assert invitation.grants == [{"project": "shop", "role": "editor"}]


def test_a_wrong_address_is_told_beside_the_field_and_nothing_is_sent(world: World) -> None:
    answer = world.olivia.client.post(
        "/org/solar/invitations/", {"emails": "nora@x.example, oops", "days": "3", "uses": "1"}
    )
    assert answer.status_code == 422
    assert "oops" in text(answer)
    assert "has-error" in text(answer)
    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_told(world: World, settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    answer = world.ada.client.post(
        "/org/solar/projects/shop/invite",
        {"emails": "nora@x.example", "role": "viewer", "days": "3", "uses": "1"},
        follow=True,
    )
    assert "The mail server did not take the letter to nora@x.example" in text(answer)


def test_a_link_is_shown_once(world: World) -> None:
    client = world.ada.client
    answer = client.post(
        "/org/solar/projects/shop/invite", {"role": "viewer", "days": "3", "uses": "2"}
    )
    secret = re.search(r"/invitations/([\w-]{32})/", text(answer))
    assert secret is not None
    page = text(client.get("/org/solar/projects/shop/"))
    assert "2 uses left" in page
    assert secret[1] not in page


def test_a_new_person_makes_an_account_by_an_invitation_though_sign_up_is_closed(
    world: World,
) -> None:
    made = invitations.invite(world.ada.at(), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    visitor = Client()
    page = text(visitor.get(f"/invitations/{made.secret}/"))
    assert "Ada" in page
    assert "shop: editor" in page
    signed_up = visitor.post(
        "/accounts/signup/",
        {
            "email": "nora@solar.example",
            "password1": "sunny-roof-panels",
            "next": f"/invitations/{made.secret}/",
        },
    )
    assert signed_up.status_code == 302
    address = EmailAddress.objects.get(email="nora@solar.example")
    assert address.verified
    joined = visitor.post(f"/invitations/{made.secret}/", follow=True)
    assert joined.redirect_chain[-1][0] == "/o/solar/shop/production/flags/"


def test_a_link_lets_a_new_person_in_but_proves_no_address(world: World) -> None:
    made = invitations.make_link(world.ada.at(), EDITOR_OF_SHOP)
    visitor = Client()
    visitor.get(f"/invitations/{made.secret}/")
    visitor.post(
        "/accounts/signup/", {"email": "nora@else.example", "password1": "sunny-roof-panels"}
    )
    assert not EmailAddress.objects.get(email="nora@else.example").verified
    assert "An invitation waits for you" in text(visitor.get("/"))


def test_an_invitation_that_ended_opens_no_sign_up(world: World) -> None:
    made = invitations.make_link(world.ada.at(), EDITOR_OF_SHOP)
    visitor = Client()
    visitor.get(f"/invitations/{made.secret}/")
    invitations.revoke(world.ada.at(), made.invitation.pk)
    assert "by invitation" in text(visitor.get("/accounts/signup/"))
    ended = visitor.get(f"/invitations/{made.secret}/")
    assert ended.status_code == 410
    assert "taken back" in text(ended)


def test_an_invitation_for_somebody_else_says_so(world: World) -> None:
    made = invitations.invite(world.ada.at(), ["nora@solar.example"], EDITOR_OF_SHOP)[0]
    page = world.stan.client.get(f"/invitations/{made.secret}/")
    assert page.status_code == 403
    assert "It was sent to nora@solar.example; you are signed in as" in text(page)
    assert world.stan.client.post(f"/invitations/{made.secret}/").status_code == 403


def test_secrets_cannot_be_tried_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.views.invitations.MOST_VISITS", 2)
    client = Client()
    statuses = [client.get(f"/invitations/x{number}/").status_code for number in range(3)]
    assert statuses == [404, 404, 429]


# --- asking for access


def test_asking_answers_alike_whether_the_project_exists_or_not(world: World) -> None:
    client = world.mia.client
    answers = [
        text(
            client.post(
                "/org/solar/access-requests/", {"project": key, "role": "viewer"}, follow=True
            )
        ).replace(key, "KEY")
        for key in ("shop", "qqqq")
    ]
    hidden = [re.sub(r'token" value="\w+"|"X-CSRFToken": "\w+"', "", answer) for answer in answers]
    assert hidden[0] == hidden[1]


def test_an_admin_finds_a_request_and_answers_it(world: World) -> None:
    access_requests.ask(
        tickets.of_member(world.mia.user, "solar"), "shop", Role.EDITOR, "I build the shop."
    )
    client = world.ada.client
    page = text(client.get("/org/solar/access-requests/"))
    assert "Mia asks to be editor of Shop" in page
    assert "I build the shop." in page
    assert "I build the shop." not in text(world.max.client.get("/org/solar/access-requests/"))
    decline = re.search(r'formaction="([^"]+/decline)"', page)
    approve = re.search(r'action="([^"]+/approve)"', page)
    assert decline
    assert approve
    assert "Say why not" in text(client.post(decline[1], follow=True))
    client.post(approve[1], {"role": "viewer"})
    assert world.mia.at().grants == {Permission.VIEW}


# --- several organizations


def test_who_has_no_organization_learns_how_to_come_in(db: None, settings) -> None:
    user = User.objects.create_user("lone@x.example", "x")
    client = Client()
    client.force_login(user)
    assert "You belong to no organization yet" in text(client.get("/"))
    assert client.get("/organizations/new").status_code == 403
    settings.WAYFORK_OPEN_ORGANIZATIONS = True
    assert "New organization" in text(client.get("/"))
    answer = client.post("/organizations/new", {"name": "Lone Star"})
    assert answer.headers["Location"] == "/o/lone-star/projects/new"
    assert Organization.objects.get(key="lone-star").memberships.get().is_owner
    assert client.post("/organizations/new", {"name": "Lone Star"}).status_code == 422


def test_a_person_makes_so_many_organizations_a_day_and_no_more(
    db: None, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WAYFORK_OPEN_ORGANIZATIONS = True
    monkeypatch.setattr(organizations, "MOST_A_DAY", 2)
    user, client = User.objects.create_user("lone@x.example", "x"), Client()
    client.force_login(user)
    names = ["One", "One", "Two", "Three"]
    answers = [client.post("/organizations/new", {"name": name}) for name in names]
    assert [answer.status_code for answer in answers] == [302, 422, 302, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 86_400
    assert sorted(Organization.objects.values_list("key", flat=True)) == ["one", "two"]
    User.objects.filter(pk=user.pk).update(is_staff=True)
    assert client.post("/organizations/new", {"name": "Three"}).status_code == 302


def test_nothing_of_one_organization_is_seen_in_another(world: World) -> None:
    """A person of both looks at every page of the one; the other's words are on none of them."""
    canary = "Kanarienvogel"
    stranger = tickets.of_member(world.stan.user, "stranger")
    secret = User.objects.create_user("someone@kanarienvogel.example", "x", name=canary)
    members.add_member(stranger, secret)
    members.add_member(stranger, world.olivia.user, is_owner=True)
    organizations.create_project(stranger, "kanarienvogel", canary)
    teams.create(stranger, "kanarienvogel", canary)
    invitations.invite(stranger, ["other@kanarienvogel.example"], Entrance(is_owner=True))
    access_requests.ask(tickets.of_member(secret, "stranger"), "kanarienvogel", Role.ADMIN, canary)
    client = world.olivia.client
    pages = [PEOPLE, page_of(world, world.max), "/org/solar/invitations/", "/org/solar/teams/"]
    pages += ["/org/solar/access-requests/", "/org/solar/settings/", "/org/solar/projects/shop/"]
    pages += [world.url("flags/"), "/api/v1/organizations/solar"]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert canary.lower() not in text(answer).lower(), page
    # The switcher names the other organization, and nothing that is in it.
    assert "Switch to Stranger" in text(client.get(PEOPLE))
    assert canary in text(client.get("/org/stranger/people/"))


# --- what outlives people


def test_the_page_of_somebody_let_out_shows_the_scripts_that_go_on(world: World) -> None:
    made = credentials.create_service_token(world.ada.at(), "nightly deploy", "editor")
    credentials.create_service_token(world.olivia.at(), "backup", "viewer")
    credentials.create_token(world.ada.at(), "my laptop")
    address = page_of(world, world.ada)
    answer = world.olivia.client.post(f"{address}deactivate", follow=True)
    assert answer.redirect_chain == [(address, 302)]
    shown = text(answer)
    assert "1 service token they made goes on" in shown
    assert "nightly deploy" in shown
    assert "backup" not in shown
    assert "my laptop" not in shown
    assert Api(made.secret).get(f"{ROOT}/flags").status == 200
    answer = world.olivia.client.post(f"{address}service-tokens/{made.token.pk}/revoke")
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert world.ledger()[-1].action == "service_token.revoked"
    assert Api(made.secret).get(f"{ROOT}/flags").status == 401
    assert "Service tokens they made" not in text(world.olivia.client.get(address))


def test_whoever_made_no_scripts_is_let_out_without_a_word_of_them(world: World) -> None:
    answer = world.olivia.client.post(f"{page_of(world, world.max)}deactivate", follow=True)
    assert answer.redirect_chain == [(PEOPLE, 302)]
    assert "service token" not in text(answer)


def test_scripts_on_somebodys_page_are_an_owners_to_see(world: World) -> None:
    made = credentials.create_service_token(world.ada.at(), "nightly deploy", "editor")
    address = page_of(world, world.ada)
    revoke = f"{address}service-tokens/{made.token.pk}/revoke"
    for person, status in ((world.ada, 200), (world.vera, 200), (world.stan, 404)):
        answer = person.client.get(address)
        assert answer.status_code == status
        assert "nightly deploy" not in text(answer)
    assert world.vera.client.post(revoke).status_code == 403
    assert world.stan.client.post(revoke).status_code == 404
    assert Api(made.secret).get(f"{ROOT}/flags").status == 200


def test_scripts_end_with_their_maker_where_that_is_chosen(world: World) -> None:
    made = credentials.create_service_token(world.ada.at(), "nightly deploy", "editor")
    other = credentials.create_service_token(world.olivia.at(), "backup", "viewer")
    address = page_of(world, world.ada)
    assert "Revoke the service tokens they made too" in text(world.olivia.client.get(address))
    answer = world.olivia.client.post(f"{address}deactivate", {"scripts": "on"}, follow=True)
    assert answer.redirect_chain == [(PEOPLE, 302)]
    assert Api(made.secret).get(f"{ROOT}/flags").status == 401
    assert Api(other.secret).get(f"{ROOT}/flags").status == 200
    lines = [line for line in world.ledger() if line.action == "service_token.revoked"]
    assert [(line.target, line.actor) for line in lines] == [("nightly deploy", world.olivia.user)]


def test_scripts_end_with_a_removed_maker_where_that_is_chosen(world: World) -> None:
    made = credentials.create_service_token(world.ada.at(), "nightly deploy", "editor")
    world.olivia.client.post(f"{page_of(world, world.ada)}remove", {"scripts": "on"})
    assert Api(made.secret).get(f"{ROOT}/flags").status == 401


def test_destinations_of_somebody_let_out_are_shown_with_the_way_to_each(world: World) -> None:
    plan = DestinationPlan("webhook", "Hook of Ada", "https://93.184.215.14/hook")
    destinations.create(tickets.of_member(world.ada.user, "solar", "shop"), plan)
    destinations.create(tickets.of_member(world.olivia.user, "solar"), replace(plan, name="Siem"))
    address = page_of(world, world.ada)
    assert "Hook of Ada" not in text(world.ada.client.get(address))
    answer = world.olivia.client.post(f"{address}deactivate", follow=True)
    assert answer.redirect_chain == [(address, 302)]
    assert "1 destination they connected is still told" in text(answer)
    assert "Hook of Ada" in text(answer)
    assert "Siem" not in text(answer)
    way = re.search(r'href="([^"]*/notifications/[0-9a-f-]{36}/)"', answer.content.decode())
    assert way is not None
    assert "Connected by ada@solar.example" in text(world.olivia.client.get(way[1]))
