"""Access tokens: narrower than their person, or a script's own; never a way to more."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import access as tickets
from accounts.actions import credentials, members, organizations
from accounts.actions.credentials import BadKey, Reach
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.models import AccessToken
from accounts.permissions import Permission, Role
from flags import queries
from flags.changes import Pending
from flags.edits import TurnOn
from flags.standing import MayNotReview
from tests.accounts.scim.directory import membership
from tests.api import HERE, Api
from tests.flags.requests import steps
from tests.world.cast import World
from tests.world.factories import make_flag, submit

SOLAR = "/api/v1/organizations/solar"
SHOP = f"{SOLAR}/projects/shop"
TURN_ON = {"edits": [{"edit": "turn_on"}]}


def service(world: World, role: str = "editor", **reach: Any) -> Api:
    """A script's token, made by the owner."""
    access = tickets.of_member(world.olivia.user, "solar")
    return Api(credentials.create_service_token(access, "deploy", role, Reach(**reach)).secret)


def second_project(world: World) -> None:
    organizations.create_project(tickets.of_member(world.olivia.user, "solar"), "app", "App")


# --- a person's own


def test_a_token_for_one_project_does_not_know_the_others(world: World):
    second_project(world)
    token = credentials.create_token(world.max.at(), "t", Reach(project_keys=("shop",))).secret
    api = Api(token)
    assert api.get(f"{SHOP}/flags").status == 200
    assert api.get(f"{SOLAR}/projects/app/flags").status == 404
    assert [one["key"] for one in api.get(f"{SOLAR}/projects").body["items"]] == ["shop"]
    assert [one["key"] for one in api.get("/api/v1/me").body["organizations"][0]["projects"]] == [
        "shop"
    ]


def test_a_token_for_one_right_has_that_right_alone(world: World):
    make_flag(world.max.at())
    reach = Reach(permissions=("edit_segments",))
    api = Api(credentials.create_token(world.max.at(), "t", reach).secret)
    assert api.get(f"{HERE}/flags/quote-form").status == 200
    assert api.patch(f"{HERE}/flags/quote-form", TURN_ON, version=1).status == 403
    assert api.post(f"{SHOP}/segments", {"key": "gold"}).status == 201


def test_a_right_its_person_lacks_is_not_brought_by_naming_it(world: World):
    reach = Reach(permissions=("edit_flags", "manage_organization"))
    api = Api(credentials.create_token(world.vera.at(), "t", reach).secret)
    assert api.post(f"{SHOP}/segments", {"key": "gold"}).status == 403
    assert api.get(f"{SOLAR}/service-tokens").status == 403


def test_a_narrow_token_makes_no_wider_one(world: World):
    for reach in (Reach(project_keys=("shop",)), Reach(permissions=("edit_flags",))):
        api = Api(credentials.create_token(world.olivia.at(), "t", reach).secret)
        assert api.post(f"{SOLAR}/tokens", {"label": "wider"}).status == 403
        assert api.post(f"{SOLAR}/service-tokens", {"label": "s", "role": "admin"}).status == 403


def test_a_token_names_projects_and_rights_that_are_there(world: World):
    for reach in (Reach(project_keys=("nowhere",)), Reach(permissions=("fly",))):
        with pytest.raises(InvalidInput):
            credentials.create_token(world.max.at(), "t", reach)
    # Mia does not see the shop, so she cannot name it.
    access = tickets.of_member(world.mia.user, "solar")
    with pytest.raises(InvalidInput):
        credentials.create_token(access, "t", Reach(project_keys=("shop",)))


# --- a script's


def test_a_script_acts_under_its_own_name(world: World):
    make_flag(world.max.at())
    version = queries.flag(world.max.at(), "quote-form").version
    answer = service(world).patch(f"{HERE}/flags/quote-form", TURN_ON, version=version)
    assert answer.status == 200
    line = world.ledger()[-1]
    assert (line.actor, line.actor_label, line.via) == (None, "service: deploy", "REST")


def test_the_history_tells_tokens_of_one_label_apart_and_who_made_them(world: World):
    make_flag(world.max.at())
    here = [tickets.of_member(one.user, "solar", "shop") for one in (world.ada, world.olivia)]
    made = [credentials.create_service_token(access, "ci", "editor") for access in here]
    made.append(credentials.create_token(world.max.at(), "laptop"))
    for number, token in enumerate(made):
        version = queries.flag(world.max.at(), "quote-form").version
        edits = {"edits": [{"edit": "turn_off" if number % 2 else "turn_on"}]}
        answer = Api(token.secret).patch(f"{HERE}/flags/quote-form", edits, version=version)
        assert answer.status == 200
    assert [(line.actor_label, line.token, line.on_behalf_of) for line in world.ledger()[-3:]] == [
        ("service: ci", f"ci (…{made[0].secret[-4:]})", "ada@solar.example"),
        ("service: ci", f"ci (…{made[1].secret[-4:]})", "olivia@solar.example"),
        ("max@solar.example", f"laptop (…{made[2].secret[-4:]})", ""),
    ]


def test_a_script_says_who_it_is(world: World):
    me = service(world).get("/api/v1/me").body
    assert (me["person"], me["signed_in_by"]) == (None, "service token")
    assert [one["key"] for one in me["organizations"]] == ["solar"]


def test_a_script_outlives_whoever_made_it(world: World):
    access = tickets.of_member(world.ada.user, "solar", "shop")
    api = Api(credentials.create_service_token(access, "deploy", "editor").secret)
    owner = tickets.of_member(world.olivia.user, "solar")
    members.deactivate(owner, membership("ada@solar.example").id, "left")
    assert api.get(f"{SHOP}/flags").status == 200


def test_a_script_never_reviews_nor_passes_by_a_review(world: World):
    service(world, "admin")
    ticket = tickets.of_service(AccessToken.across_tenants.get(role="admin"), "shop")
    assert ticket.may(Permission.MANAGE_PROJECT)
    assert not ticket.may(Permission.REVIEW)
    assert not ticket.may(Permission.BYPASS_REVIEW)
    assert ticket.actor.responsible == world.olivia.user


def test_whoever_made_a_script_cannot_approve_what_it_proposes(world: World):
    make_flag(world.max.at())
    steps.ask_for_review(world)
    made = credentials.create_service_token(world.ada.at(), "deploy", "editor")
    ticket = tickets.of_service(made.token, "shop", "production")
    asked = submit(ticket, steps.FLAG, TurnOn(), comment="please")
    assert isinstance(asked, Pending)
    with pytest.raises(MayNotReview):
        steps.approve(world.ada, asked.change)
    steps.approve(world.rita, asked.change)


def test_a_script_has_no_say_in_the_organization(world: World):
    api = service(world, "admin")
    assert api.post(f"{SOLAR}/projects", {"key": "new", "name": "New"}).status == 403
    assert api.post(f"{SOLAR}/tokens", {"label": "more"}).status == 403
    assert api.post(f"{SOLAR}/service-tokens", {"label": "m", "role": "admin"}).status == 403
    assert api.get(f"{SOLAR}/service-tokens").status == 403
    assert api.get("/api/v1/organizations/stranger").status == 404


def test_a_script_for_one_project_does_not_know_the_others(world: World):
    second_project(world)
    api = service(world, project_keys=("shop",))
    assert api.get(f"{SHOP}/flags").status == 200
    assert api.get(f"{SOLAR}/projects/app/flags").status == 404


def test_a_script_that_only_views_changes_nothing(world: World):
    make_flag(world.max.at())
    assert (
        service(world, "viewer").patch(f"{HERE}/flags/quote-form", TURN_ON, version=1).status == 403
    )


def test_an_admin_makes_scripts_for_the_own_project_only(world: World):
    second_project(world)
    made = Api.of(world.ada).post(
        f"{SOLAR}/service-tokens", {"label": "d", "role": "admin", "projects": ["shop"]}
    )
    assert made.status == 201
    assert made.body["token"]["projects"] == ["shop"]
    for projects in ([], ["app"], ["shop", "app"]):
        body = {"label": "d", "role": "viewer", "projects": projects}
        assert Api.of(world.ada).post(f"{SOLAR}/service-tokens", body).status in {403, 404}


def test_nobody_below_an_admin_makes_scripts(world: World):
    for person in (world.rita, world.max, world.vera):
        with pytest.raises(NotPermitted):
            credentials.create_service_token(person.at(), "d", "viewer")


def test_only_whoever_may_make_them_revokes_them(world: World):
    second_project(world)
    everywhere = service(world)
    row = AccessToken.across_tenants.get(role="editor")
    with pytest.raises(NotPermitted):
        credentials.revoke_service_token(world.max.at(), row.id)
    with pytest.raises(NotFound):
        # It reaches further than Ada's project.
        credentials.revoke_service_token(world.ada.at(), row.id)
    assert Api.of(world.olivia).delete(f"{SOLAR}/service-tokens/{row.id}").status == 204
    assert everywhere.get("/api/v1/me").status == 401


def test_an_ended_token_is_worthless(world: World):
    soon = timezone.now() + timedelta(hours=1)
    api = service(world, expires_at=soon)
    assert api.get("/api/v1/me").status == 200
    AccessToken.across_tenants.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api.get("/api/v1/me").status == 401


def test_a_deactivated_persons_token_is_refused_at_once(world: World):
    secret = world.max.token()
    owner = tickets.of_member(world.olivia.user, "solar")
    members.deactivate(owner, membership("max@solar.example").id, "left")
    assert Api(secret).get("/api/v1/me").status == 401
    with pytest.raises(BadKey):
        credentials.token(secret)


def test_making_and_revoking_is_written(world: World):
    made = credentials.create_service_token(world.ada.at(), "deploy", Role.EDITOR)
    credentials.revoke_service_token(world.ada.at(), made.token.id)
    created, revoked = world.ledger()[-2:]
    assert (created.action, revoked.action) == ("service_token.created", "service_token.revoked")
    assert (created.after or {})["projects"] == ["shop"]
    assert made.secret not in str(created.after)


# --- the pages


def test_an_admin_makes_and_revokes_a_scripts_token_on_the_page(world: World):
    client = world.ada.proven
    page = client.post(
        world.url("service-tokens/"),
        {"service-label": "deploy", "service-role": "editor", "service-days": "30"},
    )
    assert page.status_code == 200
    row = AccessToken.across_tenants.get(role="editor")
    assert row.project_keys == ["shop"]
    assert row.expires_at is not None
    assert b"deploy" in client.get(world.url("tokens/")).content
    client.post(world.url(f"service-tokens/{row.id}/revoke"))
    row.refresh_from_db()
    assert row.revoked_at is not None


def test_editors_are_not_offered_what_they_may_not(world: World):
    assert b"New service token" not in world.max.client.get(world.url("tokens/")).content
    assert world.max.client.post(world.url("service-tokens/"), {}).status_code == 403


def test_all_ones_tokens_stand_under_ones_own_name(world: World):
    organizations.create_organization("second", "Second", world.max.user)
    credentials.create_token(tickets.of_member(world.max.user, "second"), "elsewhere")
    made = credentials.create_token(world.max.at(), "here")
    client = world.max.client
    page = client.get("/account/tokens/").content
    assert b"elsewhere" in page
    assert b"here" in page
    client.post(f"/account/tokens/{made.token.id}/revoke")
    made.token.refresh_from_db()
    assert made.token.revoked_at is not None
    theirs = credentials.create_token(world.rita.at(), "hers").token
    assert client.post(f"/account/tokens/{theirs.id}/revoke").status_code == 404


# --- tokens made with tokens


def made_with(api: Api, label: str, path: str = "tokens", **more: Any) -> tuple[Api, str]:
    answer = api.post(f"{SOLAR}/{path}", {"label": label, **more})
    assert answer.status == 201, answer.body
    return Api(answer.body["secret"]), answer.body["token"]["id"]


def test_revoking_a_token_revokes_what_was_made_with_it_and_with_that(world: World):
    stolen = credentials.create_token(tickets.of_member(world.olivia.user, "solar"), "stolen")
    first, _id = made_with(Api(stolen.secret), "first")
    second, _id = made_with(first, "second")
    script, _id = made_with(first, "script", "service-tokens", role="editor")
    own = Api.of(world.olivia)
    listed = own.get(f"{SOLAR}/tokens").body["items"]
    counted = {one["label"]: one["made"] for one in listed}
    assert counted == {"stolen": 3, "first": 2, "second": 0, "test": 0}
    assert own.delete(f"{SOLAR}/tokens/{stolen.token.id}").status == 204
    for api in (Api(stolen.secret), first, second, script):
        assert api.get("/api/v1/me").status == 401
    assert own.get("/api/v1/me").status == 200
    kept = [line for line in world.ledger() if line.action.endswith("token.revoked")]
    lines = [(line.action, line.target, line.reason) for line in kept]
    with_first = f"It was made with {AccessToken.across_tenants.get(label='first')}."
    assert sorted(lines[:3]) == [
        ("service_token.revoked", "script", with_first),
        ("token.revoked", "first", f"It was made with {stolen.token}."),
        ("token.revoked", "second", with_first),
    ]
    assert lines[3] == ("token.revoked", "stolen", "")


def test_revoking_what_a_token_made_leaves_the_token(world: World):
    maker = Api.of(world.max)
    made, token_id = made_with(maker, "made")
    assert maker.delete(f"{SOLAR}/tokens/{token_id}").status == 204
    assert made.get("/api/v1/me").status == 401
    assert maker.get("/api/v1/me").status == 200


def test_a_script_made_with_a_token_outlives_its_maker_but_not_the_token(world: World):
    made, _id = made_with(Api.of(world.olivia), "kept", "service-tokens", role="viewer")
    AccessToken.across_tenants.filter(label="test").delete()
    assert made.get("/api/v1/me").status == 200


def test_a_token_makes_none_that_lives_longer(world: World):
    soon = timezone.now() + timedelta(days=1)
    own = tickets.of_member(world.olivia.user, "solar")
    api = Api(credentials.create_token(own, "short", Reach(expires_at=soon)).secret)
    later = (soon + timedelta(days=1)).isoformat()
    for path, more in (("tokens", {}), ("service-tokens", {"role": "viewer"})):
        for end in (None, later):
            body = {"label": "long", "expires_at": end, **more}
            assert api.post(f"{SOLAR}/{path}", body).status == 422


def test_a_token_revoked_in_this_moment_makes_no_other(world: World):
    own = tickets.of_member(world.max.user, "solar")
    held = credentials.create_token(own, "held")
    credentials.revoke_token(own, held.token.id)
    with pytest.raises(BadKey):
        credentials.create_token(own, "late", by=held.token)
    assert not AccessToken.across_tenants.filter(label="late").exists()


def test_the_page_says_beforehand_what_goes_with_a_token(world: World):
    made_with(Api.of(world.max), "made")
    for page in (world.url("tokens/"), "/account/tokens/"):
        assert "or the 1 token made with it" in world.max.client.get(page).content.decode()
