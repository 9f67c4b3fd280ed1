"""Four eyes over REST: one person's tokens are one pair, whichever of them is shown."""

from dataclasses import dataclass

import pytest

from accounts.actions import credentials
from accounts.permissions import Role
from flags import docket
from flags.models import Change
from tests.api import ROOT, Api
from tests.flags.requests.steps import FLAG, ask_for_review, is_on
from tests.world.cast import Person, World
from tests.world.factories import make_flag

REQUESTS = f"{ROOT}/requests"
WROTE = "You wrote a part of this request: somebody else has to approve it."


@pytest.fixture
def shop(world: World) -> World:
    """A flag in a production that asks for one approval."""
    make_flag(world.max.at())
    ask_for_review(world)
    return world


def personal(person: Person) -> Api:
    """Another access token of the same person each time."""
    return Api.of(person)


def service(person: Person) -> Api:
    """A service token this person made, for as much as they may make one."""
    return Api(credentials.create_service_token(person.at(), "deploys", Role.REVIEWER).secret)


def propose(api: Api, comment: str = "launch") -> str:
    """Ask to turn the flag on; the hash of what was asked."""
    part = {
        "target": {"kind": "state", "key": FLAG},
        "edits": [{"edit": "turn_on"}],
        "expected_version": 0,
    }
    body = {"environment": "production", "parts": [part], "comment": comment}
    answer = api.post(REQUESTS, body)
    assert answer.status == 202
    found = api.get(f"{REQUESTS}/{answer.body['number']}")
    return str(found.body["content_hash"])


@dataclass(frozen=True)
class Attempt:
    """Who asks with which token, and with which other token they try to approve it."""

    asks: str
    approves: str
    person: str
    sentence: str


ATTEMPTS = (
    Attempt("personal", "personal", "rita", WROTE),
    Attempt("personal", "personal", "ada", WROTE),
    Attempt("personal", "personal", "olivia", WROTE),
    Attempt("service", "personal", "ada", WROTE),
    Attempt("service", "personal", "olivia", WROTE),
    Attempt("personal", "service", "ada", "A service token never approves"),
    Attempt("service", "service", "ada", "A service token never approves"),
)
TOKENS = {"personal": personal, "service": service}


@pytest.mark.parametrize(
    "attempt", ATTEMPTS, ids=lambda one: f"{one.person}: {one.asks}, then {one.approves}"
)
def test_a_second_token_of_the_author_approves_nothing(shop: World, attempt: Attempt):
    person: Person = getattr(shop, attempt.person)
    content = propose(TOKENS[attempt.asks](person))
    second = TOKENS[attempt.approves](person)
    for act, body in (
        ("approve", {"content_hash": content}),
        ("reject", {"reason": "mine", "content_hash": content}),
        ("request-changes", {"comment": "mine", "content_hash": content}),
    ):
        answer = second.post(f"{REQUESTS}/1/{act}", body)
        assert (answer.status, answer.body["status"]) == (403, 403)
        assert attempt.sentence in answer.body["detail"]
    found = docket.request(shop.vera.at(), 1)
    assert (found.status, list(docket.reviews(found))) == (Change.Status.OPEN, [])
    assert second.post(f"{REQUESTS}/1/apply").body["code"] == "not_approved"
    assert not is_on(shop)


@pytest.mark.parametrize("asks", TOKENS)
def test_somebody_elses_token_approves_it(shop: World, asks: str):
    content = propose(TOKENS[asks](shop.ada))
    done = personal(shop.rita).post(f"{REQUESTS}/1/approve", {"content_hash": content})
    assert (done.status, done.body["status"]) == (202, "approved")
    assert service(shop.ada).post(f"{REQUESTS}/1/apply").body["status"] == "applied"
    assert is_on(shop)


def test_whoever_revised_by_a_service_token_approves_nothing_either(shop: World):
    max_, robot = personal(shop.max), service(shop.ada)
    propose(max_)
    part = {
        "target": {"kind": "state", "key": FLAG},
        "edits": [{"edit": "turn_on"}, {"edit": "set_fallthrough", "serve": "off"}],
        "expected_version": 0,
    }
    revised = robot.put(f"{REQUESTS}/1", {"parts": [part]}, version=1)
    assert revised.status == 200
    content = {"content_hash": revised.body["content_hash"]}
    refused = personal(shop.ada).post(f"{REQUESTS}/1/approve", content)
    assert (refused.status, refused.body["detail"]) == (403, WROTE)
    assert personal(shop.rita).post(f"{REQUESTS}/1/approve", content).status == 202


def test_a_token_for_reading_or_for_less_approves_nothing(shop: World):
    content = {"content_hash": propose(personal(shop.max))}
    narrow = credentials.Reach(permissions=("edit_targeting",))
    lesser = Api(credentials.create_token(shop.rita.at(), "narrow", narrow).secret)
    for api in (Api.of(shop.rita, read_only=True), lesser):
        refused = api.post(f"{REQUESTS}/1/approve", content)
        assert (refused.status, bool(refused.body["detail"])) == (403, True)
    assert docket.request(shop.max.at(), 1).status == Change.Status.OPEN


def test_a_service_token_goes_past_no_review(shop: World):
    propose(personal(shop.max))
    robot = Api(credentials.create_service_token(shop.ada.at(), "deploys", Role.ADMIN).secret)
    refused = robot.post(f"{REQUESTS}/1/bypass", {"reason": "fire"})
    assert refused.status == 403
    assert not is_on(shop)
