"""What a directory may not do, and what it cannot break."""

import itertools
import json
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from accounts import access as tickets
from accounts.actions import directory, members, organizations
from accounts.errors import InvalidInput
from accounts.models import ClaimedDomain, DirectoryToken, User
from tests.accounts.local.people import is_in, sign_in
from tests.accounts.scim.directory import GROUP, USER, Directory, membership, nora, prove
from tests.world.cast import World

ROUTES = (
    "Users",
    "Groups",
    "ServiceProviderConfig",
    "ResourceTypes",
    "Schemas",
    "Bulk",
    "Nothing",
    "",
)


def test_without_a_directory_token_every_door_is_shut(world: World):
    secrets = ("", "scim_wrong", world.olivia.token(), world.sdk_key())
    for secret, path in itertools.product(secrets, ROUTES):
        answer = Directory(secret).get(path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_cookie_opens_nothing(world: World):
    assert world.olivia.client.get("/scim/v2/solar/Users").status_code == 401


def test_a_token_of_another_organization_finds_nothing_here(world: World):
    access = tickets.of_member(world.stan.user, "stranger")
    theirs = directory.create_token(access, "Theirs").secret
    mine = str(membership("max@solar.example").id)
    for path in ("Users", f"Users/{mine}", "Groups", "ServiceProviderConfig"):
        assert Directory(theirs).get(path).status == 404
    at_home = Directory(theirs, "stranger")
    assert at_home.get(f"Users/{mine}").status == 404
    assert (
        at_home.patch(f"Users/{mine}", {"op": "replace", "path": "active", "value": False}).status
        == 404
    )
    assert at_home.find('userName eq "max@solar.example"') == []
    assert "solar" not in json.dumps(at_home.get("Users").body)
    made = at_home.post(
        "Groups", {"schemas": [GROUP], "displayName": "G", "members": [{"value": mine}]}
    )
    assert made.status == 400


def test_a_revoked_token_is_worthless_at_once(world: World):
    okta = Directory.of(world)
    assert okta.get("Users").status == 200
    row = DirectoryToken.across_tenants.get()
    assert row.last_used_at is not None
    assert okta.secret not in str(vars(row))
    directory.revoke_token(tickets.of_member(world.olivia.user, "solar"), row.id)
    assert okta.get("Users").status == 401


# --- accounts that are not this organization's alone


def test_an_account_from_elsewhere_is_never_taken_in_without_the_domain(world: World):
    okta = Directory.of(world)
    answer = okta.post("Users", nora(userName="stan@stranger.example"))
    assert answer.status == 409
    assert "has not proved the domain" in answer.body["detail"]
    assert not world.organization.memberships.filter(user=world.stan.user).exists()


def test_a_proved_domain_lets_its_own_people_in_and_changes_nothing_of_theirs(world: World):
    okta = Directory.of(world)
    prove(world, "stranger.example")
    before = User.objects.get(pk=world.stan.user.pk)
    made = okta.post("Users", nora(userName="stan@stranger.example", displayName="Mr. Renamed"))
    assert made.status == 201
    okta.patch(f"Users/{made.id}", {"op": "replace", "path": "displayName", "value": "X"})
    renamed = okta.patch(
        f"Users/{made.id}", {"op": "replace", "path": "userName", "value": "s@stranger.example"}
    )
    assert renamed.status == 409
    after = User.objects.get(pk=world.stan.user.pk)
    assert (after.email, after.name, after.password) == (before.email, before.name, before.password)


def test_a_domain_somebody_else_proved_or_nobody_does_not_count(world: World):
    for claimant, proved in ((world.stan, timezone.now()), (world.olivia, None)):
        ClaimedDomain.objects.create(
            organization=tickets.of_member(claimant.user, claimant.organization).organization,
            domain="stranger.example",
            token="t",
            proved_at=proved,
        )
    assert Directory.of(world).post("Users", nora(userName="stan@stranger.example")).status == 409


def test_an_account_whose_address_was_never_proved_is_not_taken_for_its_owner(world: World):
    squatter = User.objects.create_user("nora@solar.example", "a-good-password")
    EmailAddress.objects.create(user=squatter, email=squatter.email, primary=True, verified=False)
    prove(world)
    assert Directory.of(world).post("Users", nora()).status == 409


def test_out_of_one_organization_is_not_out_of_another(world: World):
    organizations.create_organization("second", "Second", world.max.user)
    client = sign_in(world.max.user)
    okta = Directory.of(world)
    okta.patch(
        f"Users/{membership('max@solar.example').id}",
        {"op": "replace", "path": "active", "value": False},
    )
    assert is_in(client)
    assert client.get("/org/second/people/").status_code == 200
    assert client.get(world.url("flags/")).status_code == 404


def test_the_address_of_an_account_moves_only_within_proved_domains(world: World):
    okta = Directory.of(world)
    place = f"Users/{membership('max@solar.example').id}"

    def move(to: str) -> int:
        return okta.patch(place, {"op": "replace", "path": "userName", "value": to}).status

    assert move("maxim@solar.example") == 409
    prove(world)
    assert move("max@evil.example") == 409
    assert move("rita@solar.example") == 409
    assert move("maxim@solar.example") == 200
    assert is_in(sign_in(User.objects.get(email="maxim@solar.example")))


def test_the_last_owner_stays(world: World):
    okta = Directory.of(world)
    place = f"Users/{membership('olivia@solar.example').id}"
    for answer in (
        okta.patch(place, {"op": "replace", "path": "active", "value": False}),
        okta.delete(place),
    ):
        assert answer.status == 409
        assert "last owner" in answer.body["detail"]
    assert membership("olivia@solar.example").is_active


def test_a_person_owners_let_out_is_seen_and_let_in_by_the_directory_alone(world: World):
    access = tickets.of_member(world.olivia.user, "solar")
    members.deactivate(access, membership("max@solar.example").id, "left")
    okta = Directory.of(world)
    assert okta.post("Users", nora(userName="max@solar.example")).status == 409
    found = okta.get('Users?filter=userName eq "max@solar.example"').body["Resources"][0]
    assert found["active"] is False


# --- uniqueness, pages, filters, versions


def test_nobody_is_entered_twice(world: World):
    okta = Directory.of(world)
    okta.post("Users", nora())
    for body in (nora(), nora(userName="NORA@solar.example"), nora(userName="n@solar.example")):
        answer = okta.post("Users", body)
        assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")
    okta.post("Groups", {"schemas": [GROUP], "displayName": "Roofs"})
    again = okta.post("Groups", {"schemas": [GROUP], "displayName": "roofs"})
    assert (again.status, again.body["scimType"]) == (409, "uniqueness")


def test_lists_come_page_by_page(world: World):
    okta = Directory.of(world)
    names = []
    for start in (1, 3, 5, 7):
        page = okta.get(f"Users?startIndex={start}&count=2").body
        assert (page["totalResults"], page["startIndex"]) == (6, start)
        assert page["itemsPerPage"] == len(page["Resources"])
        names += [one["userName"] for one in page["Resources"]]
    assert len({*names}) == len(names) == 6
    assert okta.get("Users?count=0").body["Resources"] == []
    assert okta.get("Users?startIndex=-4&count=-1").body["startIndex"] == 1
    assert len(okta.get("Users?count=100000").body["Resources"]) == 6


FILTERS: tuple[tuple[str, list[str]], ...] = (
    ('userName eq "MAX@solar.example"', ["max"]),
    ('userName Eq "max@solar.example"', ["max"]),
    ('externalId eq "x-1"', ["max"]),
    ('externalId eq "X-1"', []),
    ('externalId eq ""', []),
    ('emails eq "max@solar.example"', ["max"]),
    ('emails.value eq "max@solar.example"', ["max"]),
    ('emails[type eq "work" and value eq "max@solar.example"]', ["max"]),
    ("active eq false", ["vera"]),
    ('userName sw "ma" and active eq true', ["max"]),
    ('userName eq "max@solar.example" or userName eq "ada@solar.example"', ["ada", "max"]),
    ('displayName co "Rit"', ["rita"]),
    ('id eq "not-an-id"', []),
    ('nickName eq "max"', []),
)


def test_filters_find_whom_they_should(world: World):
    okta = Directory.of(world)
    okta.patch(
        f"Users/{membership('max@solar.example').id}",
        {"op": "add", "path": "externalId", "value": "x-1"},
    )
    okta.patch(
        f"Users/{membership('vera@solar.example').id}",
        {"op": "replace", "path": "active", "value": "false"},
    )
    for asked, found in FILTERS:
        assert sorted(okta.find(asked)) == [f"{name}@solar.example" for name in found], asked
    assert okta.get('Users?filter=madeUp eq "max"').body["scimType"] == "invalidFilter"


def test_an_id_finds_its_person(world: World):
    okta = Directory.of(world)
    member = membership("max@solar.example")
    assert okta.find(f'id eq "{member.id}"') == ["max@solar.example"]


def test_a_write_against_an_older_state_is_refused(world: World):
    okta = Directory.of(world)
    made = okta.post("Users", nora())
    tag = made.headers["ETag"]
    assert made.body["meta"]["version"] == tag
    place = f"Users/{made.id}"
    unchanged = okta.client.get(
        f"/scim/v2/solar/{place}",
        headers={"Authorization": f"Bearer {okta.secret}", "If-None-Match": tag},
    )
    assert unchanged.status_code == 304
    rename = {"op": "replace", "path": "displayName", "value": "N"}
    assert okta.patch(place, rename, **{"If-Match": tag}).status == 200
    assert okta.patch(place, rename, **{"If-Match": tag}).status == 412


def test_the_service_describes_itself(world: World):
    okta = Directory.of(world)
    config = okta.get("ServiceProviderConfig").body
    assert (config["patch"]["supported"], config["bulk"]["supported"]) == (True, False)
    assert {one["name"] for one in okta.get("ResourceTypes").body["Resources"]} == {"User", "Group"}
    assert len(okta.get("Schemas").body["Resources"]) == 2
    assert okta.get(f"Schemas/{USER}").body["id"] == USER
    assert okta.get("ResourceTypes/Group").body["endpoint"] == "/Groups"
    assert okta.get("Schemas/urn:made:up").status == 404
    assert okta.post("Bulk", {"Operations": []}).status == 501


# --- what is malformed


BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b'"text"',
    b"null",
    b"12",
    b"[" * 5_000,
    b'{"schemas": 5}',
    b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}',
    b'{"userName": "a\\u0000b@x.example"}',
    b'{"userName": null, "displayName": null}',
    b'{"userName": ["a"], "displayName": ["b"]}',
    b'{"userName": "no address", "displayName": "' + b"x" * 500 + b'"}',
    b'{"userName": "a@x.example", "emails": "a", "displayName": "a", "members": "a"}',
    b'{"userName": "a@x.example", "active": "perhaps", "displayName": "a", "members": [1]}',
    b'{"userName": "a@x.example", "emails": [{"value": 1}], "displayName": "", "members": [{"value": "x"}]}',
    b'{"Operations": []}',
    b'{"Operations": [{"op": "explode"}]}',
    b'{"Operations": [{"op": "replace", "path": "emails["}]}',
    b'{"Operations": [{"op": "replace", "path": "id", "value": "1"}]}',
    b'{"Operations": [{"op": "remove"}]}',
    b'{"Operations": [{"op": "remove", "path": "userName"}, {"op": "remove", "path": "displayName"}]}',
    b'{"Operations": [{"op": "add", "path": "members", "value": "everybody"}]}',
    b'{"Operations": [{"op": "add", "path": "members", "value": [{"value": "everybody"}]}]}',
    b'{"Operations": "all"}',
    b'{"Operations": [{"op": "replace", "value": "x"}]}',
)


def test_no_body_breaks_anything(world: World):
    okta = Directory.of(world)
    person = f"Users/{membership('max@solar.example').id}"
    team = f"Groups/{okta.post('Groups', {'schemas': [GROUP], 'displayName': 'Roofs'}).id}"
    asked = [("POST", "Users"), ("POST", "Groups")]
    asked += [(method, path) for method in ("PUT", "PATCH") for path in (person, team)]
    for body in BODIES:
        for method, path in asked:
            status = okta.send(method, path, body).status
            assert status in {200, 201, 400, 409}, (method, path, body[:80])
    assert membership("max@solar.example").is_active


QUESTIONS = (
    "filter=((((",
    "filter=userName",
    'filter=userName eq "' + "x" * 3_000 + '"',
    "filter=not (",
    "startIndex=one",
    "count=many",
    "startIndex=99999999999999999999",
    "attributes=members[",
    "excludedAttributes=]",
    "sortBy=[",
)


def test_no_question_breaks_anything(world: World):
    okta = Directory.of(world)
    for query in QUESTIONS:
        for path in ("Users", "Groups"):
            assert okta.get(f"{path}?{query}").status in {200, 400}, query


def test_odd_addresses_and_methods_are_answered_in_scims_shape(world: World):
    okta = Directory.of(world)
    for path in ("", "users", "Users/1", "Users/1/2", "Me", "Users/%F0%9F%90%9F"):
        assert okta.get(path).status == 404
    wrong = okta.send("DELETE", "Users")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, POST")
    assert okta.send("POST", "ServiceProviderConfig", {}).status == 405
    assert okta.send("POST", "Users", b"x" * 1_100_000).status == 413


def test_nothing_unfinished_stays_behind(world: World):
    okta = Directory.of(world)
    before = len(world.ledger())
    ghost = "7e57d004-2b97-0e7a-b45f-5387367791cd"
    answer = okta.post(
        "Groups", {"schemas": [GROUP], "displayName": "G", "members": [{"value": ghost}]}
    )
    assert answer.status == 400
    assert okta.get("Groups").body["totalResults"] == 0
    assert len(world.ledger()) == before


def test_owners_make_a_token_after_confirming_and_others_see_nothing(world: World):
    place = "/org/solar/directory/"
    assert world.ada.client.get(place).status_code == 403
    assert world.stan.client.get(place).status_code == 404
    owner = sign_in(world.olivia.user)
    assert b"/scim/v2/solar" in owner.get(place).content
    asked = owner.post(f"{place}tokens", {"label": "Okta"})
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    owner.post("/accounts/reauthenticate/", {"password": "sunny-roof-panels"})
    page = owner.post(f"{place}tokens", {"label": "Okta"}).content.decode()
    secret = page.partition("scim_")[2][:32]
    assert Directory(f"scim_{secret}").get("Users").status == 200
    row = DirectoryToken.across_tenants.get()
    owner.post(f"{place}tokens/{row.id}/revoke")
    assert Directory(f"scim_{secret}").get("Users").status == 401
    assert {"directory_token.created", "directory_token.revoked"} <= {
        line.action for line in world.ledger()
    }


def test_a_token_of_a_directory_ends_by_itself_where_that_was_chosen(world: World):
    page = "/org/solar/directory/"
    owner = world.olivia.proven
    assert b'value="365" selected' in owner.get(page).content
    shown = owner.post(f"{page}tokens", {"label": "Okta", "days": "30"}).content.decode()
    secret = f"scim_{shown.partition('scim_')[2][:32]}"
    end = DirectoryToken.across_tenants.get().expires_at
    assert end is not None
    assert f"until {end:%Y-%m-%d}" in shown
    assert "The directory token of Okta" in owner.get(world.url("schedules/")).content.decode()
    seen_by_others = world.ada.client.get(world.url("schedules/")).content.decode()
    assert "directory token" not in seen_by_others
    with time_machine.travel(end - timedelta(minutes=1)):
        assert Directory(secret).get("Users").status == 200
    with time_machine.travel(end + timedelta(minutes=1)):
        answer = Directory(secret).get("Users")
        assert answer.status == 401
        assert "expired" in answer.body["detail"]
        assert world.ledger()[-1].after == {"last_four": secret[-4:], "why": "expired"}
    own = tickets.of_member(world.olivia.user, "solar")
    with pytest.raises(InvalidInput):
        directory.create_token(own, "late", timezone.now())
    owner.post(f"{page}tokens", {"label": "Entra", "days": ""})
    assert DirectoryToken.across_tenants.get(label="Entra").expires_at is None


def test_nobody_reaches_a_directory_by_the_browser(world: World):
    answer = Client(enforce_csrf_checks=True).post(
        "/scim/v2/solar/Users", b"{}", "application/json"
    )
    assert answer.status_code == 401
