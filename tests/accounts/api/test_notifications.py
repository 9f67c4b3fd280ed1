"""REST: a person's own inbox, and destinations with their log."""

from collections.abc import Iterator

import pytest
from django.db import transaction

from accounts import audit, deliveries, tail
from accounts.models import Destination
from tests.accounts.loopback import Receiver, receiver
from tests.api import Api
from tests.world.cast import World

pytestmark = pytest.mark.django_db
HOME = "/api/v1/organizations/solar"


@pytest.fixture
def hook(settings) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with receiver() as found:
        yield found


def plan(hook: Receiver, **more) -> dict:
    return {"kind": "webhook", "name": "Log", "url": hook.url, **more}


def test_a_destination_lives_by_rest_from_making_to_removal(world: World, hook: Receiver):
    api = Api.of(world.olivia)
    made = api.post(f"{HOME}/destinations", plan(hook, actions=["flag.*"]))
    assert made.status == 201
    assert made.body["secret"].startswith("whsec_")
    assert made.headers["cache-control"] == "no-store"
    here = f"{HOME}/destinations/{made.body['destination']['id']}"
    read = api.get(here)
    assert "secret" not in read.body
    assert read.body["host"] == f"127.0.0.1:{hook.port}"
    changed = api.put(here, plan(hook, name="New", url="", tags=["a"]), version=read.etag[1:-1])
    assert (changed.status, changed.body["name"], changed.body["tags"]) == (200, "New", ["a"])
    stale = api.put(here, plan(hook, name="Old"), version=read.etag[1:-1])
    assert (stale.status, stale.body["code"]) == (409, "stale_version")
    assert api.post(f"{here}/secret").body["secret"] != made.body["secret"]
    assert api.delete(f"{here}/active").body["is_active"] is False
    assert api.put(f"{here}/active", {}).body["is_active"] is True
    assert [one["id"] for one in api.get(f"{HOME}/destinations").body["items"]] == [
        made.body["destination"]["id"]
    ]
    assert api.delete(here).status == 204
    assert api.get(here).status == 404


def test_the_test_tells_what_was_answered_and_the_log_keeps_it(world: World, hook: Receiver):
    api = Api.of(world.ada)
    made = api.post(f"{HOME}/destinations", plan(hook, project="shop"))
    here = f"{HOME}/destinations/{made.body['destination']['id']}"
    told = api.post(f"{here}/test")
    assert told.body["status"] == "delivered"
    assert told.body["tries"][0]["status_code"] == 200
    tail.read_all()
    deliveries.take_turn(Destination.across_tenants.get().id)
    log = api.get(f"{here}/deliveries").body["items"]
    acts = ["destination.created", "destination.tested", "destination.tested"]
    assert sorted(one["action"] for one in log) == acts
    first = next(one for one in log if one["action"] == "destination.created")
    again = api.post(f"{here}/deliveries/{first['id']}/redeliver")
    assert (again.status, again.body["status"]) == (202, "waiting")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"url": "https://10.0.0.1/"}, "outbound_refused"),
        ({"url": "http://169.254.169.254/latest"}, "outbound_refused"),
        ({"actions": ["everything"]}, "invalid_input"),
        ({"kind": "pager"}, "invalid_input"),
        ({"shape": "round"}, "invalid_input"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_code(world: World, hook: Receiver, more, code):
    answer = Api.of(world.olivia).post(f"{HOME}/destinations", plan(hook, **more))
    assert (answer.status, answer.body["code"]) == (422, code)


def test_an_inbox_is_read_and_marked_by_its_person_alone(world: World):
    with transaction.atomic():
        after = {"change": "c", "number": 12}
        audit.record(world.max.at(), "change.submitted", "checkout", after=after)
    tail.read_all()
    rita, ada = Api.of(world.rita), Api.of(world.ada)
    (line,) = rita.get(f"{HOME}/notices", unread="true").body["items"]
    assert line["text"] == "Max asks you to review #12 checkout in Production"
    assert ada.post(f"{HOME}/notices/{line['id']}/read").status == 404
    assert rita.post(f"{HOME}/notices/{line['id']}/read").body["read_at"] is not None
    assert rita.get(f"{HOME}/notices", unread="true").body["items"] == []
    assert ada.post(f"{HOME}/notices/read").status == 204


def test_wishes_are_read_and_changed(world: World):
    api = Api.of(world.max)
    changed = api.patch(f"{HOME}/notice-wishes", {"wishes": {"follow": "daily"}})
    found = {one["kind"]: one["mail"] for one in changed.body["wishes"]}
    assert (found["follow"], found["review"]) == ("daily", "at_once")
    assert api.patch(f"{HOME}/notice-wishes", {"wishes": {"gossip": "daily"}}).status == 422
