"""Destinations hear every line they asked for, signed, and none is lost however receivers behave."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from accounts import access as tickets
from accounts import audit, deliveries, destinations, outbound, sealing, tail
from accounts.access import Access
from accounts.actions import destinations as acts
from accounts.actions import members
from accounts.actions.destinations import DATADOG, DestinationPlan, Filters, NewDestination
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.limits import TooOften
from accounts.models import AuditEntry, Delivery, DeliveryAttempt, Destination, Mail, Notice
from accounts.permissions import Role
from accounts.web.refusals import ACTS
from config.workplace import HOME
from flags import changes, requests
from flags.changes import Part, Target
from flags.edits import DescribeFlag, Edit, EditKind, SetSegment, TurnOff, TurnOn
from tests.accounts.loopback import Call, Receiver, receiver, reply
from tests.world.cast import World
from tests.world.factories import make_flag, make_segment, submit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loopback_allowed(settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def owner(world: World) -> Access:
    return tickets.of_member(world.olivia.user, "solar")


def add(access: Access, url: str, kind: str = "webhook", **filters: tuple[str, ...]):
    plan = DestinationPlan(kind, "Chat", url, filters=Filters(**filters))
    return acts.create(access, plan)


def act(access: Access, action: str, target: str = "checkout", **line) -> AuditEntry:
    with transaction.atomic():
        return audit.record(access, action, target, **line)


def deliver() -> int:
    """What the ring does, without its threads."""
    tail.read_all()
    return sum(deliveries.take_turn(one) for one in deliveries.waiting_destinations())


def actions_of(calls: list[Call]) -> list[str]:
    return [json.loads(call.body)["type"] for call in calls]


def answering(status: int, **headers: str):
    def answer(call: Call, to: BaseHTTPRequestHandler) -> None:
        reply(to, status, b"", **headers)

    return answer


# --- what arrives


def test_a_webhook_hears_a_line_with_a_signature_the_reference_library_accepts(world, hook):
    made = add(owner(world), hook.url)
    act(world.max.at(), "flag.changed", before={"on": False}, after={"on": True}, reason="Go")
    deliver()
    call = hook.calls[-1]
    told = Webhook(made.secret).verify(call.body, call.headers)
    assert told["type"] == "flag.changed"
    assert told["data"]["actor"] == "max@solar.example"
    assert (told["data"]["before"], told["data"]["after"]) == ({"on": False}, {"on": True})
    assert told["data"]["environment"] == "production"
    assert "address" not in told["data"]
    with pytest.raises(WebhookVerificationError):
        Webhook(destinations.new_secret()).verify(call.body, call.headers)


def test_a_destination_hears_what_happens_after_it_was_made(world, hook):
    act(world.max.at(), "flag.created")
    add(owner(world), hook.url)
    act(world.max.at(), "flag.changed")
    deliver()
    assert actions_of(hook.calls) == ["destination.created", "flag.changed"]


def test_for_a_day_after_a_rotation_both_secrets_verify(world, hook):
    made = add(owner(world), hook.url)
    newer = acts.rotate_secret(owner(world), made.destination.id)
    deliver()
    for secret in (made.secret, newer.secret):
        Webhook(secret).verify(hook.calls[0].body, hook.calls[0].headers)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        act(world.max.at(), "flag.changed")
        deliver()
        late = hook.calls[-1]
        Webhook(newer.secret).verify(late.body, late.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(made.secret).verify(late.body, late.headers)


def test_secrets_and_addresses_are_sealed_in_the_table_and_absent_from_the_ledger(world, hook):
    made = add(owner(world), hook.url)
    row = Destination.across_tenants.get(id=made.destination.id)
    assert hook.url.encode() not in bytes(row.url)
    assert made.secret.encode() not in bytes(row.secret)
    ledger = json.dumps([[line.before, line.after, line.target] for line in world.ledger()])
    assert made.secret not in ledger
    assert "/hook" not in ledger


LAUNCH, ERRORS, BUNDLE = "flag.changed launch", "flag.killed errors", "flag.changed bundle"
PEOPLE, WORDS, ROLE = "segment.changed people", "flag.changed words", "role.set"
LOUD, URGENT, ASKED = "change.bypassed urgent", "flag.changed urgent", "change.submitted later"


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        ({}, [LAUNCH, ERRORS, BUNDLE, PEOPLE, WORDS, ASKED, LOUD, URGENT, ROLE]),
        ({"actions": ("flag.*",)}, [LAUNCH, ERRORS, BUNDLE, WORDS, URGENT]),
        ({"actions": ("segment.*",)}, [BUNDLE, PEOPLE]),
        ({"actions": ("segment.changed",)}, [BUNDLE, PEOPLE]),
        ({"actions": ("flag.killed", "role.*")}, [ERRORS, ROLE]),
        ({"actions": ("change.*",)}, [ASKED, LOUD]),
        ({"actions": ("segment.created", "policy.*")}, []),
        ({"tags": ("checkout",)}, [LAUNCH, ASKED, LOUD, URGENT]),
        ({"environment_keys": ("production",)}, [LAUNCH, BUNDLE, PEOPLE, ASKED, LOUD, URGENT]),
        ({"environment_keys": ("staging",)}, [ERRORS, BUNDLE, PEOPLE]),
        ({"environment_keys": ("development",)}, [BUNDLE, PEOPLE]),
        ({"environment_keys": ("production",), "actions": ("segment.*",)}, [BUNDLE, PEOPLE]),
        ({"tags": ("checkout",), "environment_keys": ("staging",)}, []),
    ],
    ids=str,
)
def test_a_destination_hears_what_its_filters_let_through(world, hook, filters, heard):
    furnish(world)
    add(owner(world), hook.url, **filters)
    deliver()
    hook.calls.clear()
    do_everything(world)
    deliver()
    assert [told_of(call) for call in hook.calls] == heard


def furnish(world: World) -> None:
    make_flag(world.max.at(), tags=("checkout",))
    make_flag(world.max.at("staging"), "banner", on=True)
    make_segment(world.max.at())


def do_everything(world: World) -> None:
    """Each reason names its change: some of one part, some that bring others along."""
    access = world.max.at()
    submit(access, "quote-form", TurnOn(), comment="launch")
    changes.kill(world.max.at("staging"), "banner", reason="errors")
    bundle = [segment_part(1, "u-2"), words_part("banner", 1), state_part("banner", 0, TurnOn())]
    changes.submit_all(access, bundle, comment="bundle")
    changes.submit_all(access, [segment_part(2, "u-3")], comment="people")
    changes.submit_all(access, [words_part("banner", 2)], comment="words")
    later = [words_part("quote-form", 1), state_part("quote-form", 1, TurnOff())]
    asked = requests.open_request(access, later, comment="later")
    assert isinstance(asked, changes.Pending)
    assert asked.change.number is not None
    requests.bypass(world.ada.at(), asked.change.number, reason="urgent")
    at_project = tickets.of_member(world.olivia.user, "solar", "shop")
    members.set_role(at_project, world.mia.user, Role.VIEWER)


def segment_part(version: int, *included: str) -> Part:
    """Whom a segment holds: every environment is served that."""
    return Part(changes.segment("beta"), (SetSegment("user", included, (), ()),), version)


def words_part(key: str, version: int) -> Part:
    """Words about a flag: nobody is served them."""
    return Part(changes.definition(key), (DescribeFlag(f"Version {version}"),), version)


def state_part(key: str, version: int, *edits: Edit) -> Part:
    return Part(changes.state(key), edits, version)


def told_of(call: Call) -> str:
    told = json.loads(call.body)
    return f"{told['type']} {told['data']['reason']}".strip()


def test_a_message_says_where_else_a_change_is_served_and_what_else_it_did(world, hook):
    furnish(world)
    add(owner(world), hook.url)
    bundle = [segment_part(1, "u-2"), state_part("quote-form", 0, TurnOn())]
    changes.submit_all(world.max.at(), bundle)
    deliver()
    told = json.loads(hook.calls[-1].body)
    assert (told["type"], told["data"]["environment"]) == ("flag.changed", "production")
    besides = {"served": ["development", "staging"], "act": ["segment.changed"]}
    for kind, keys in besides.items():
        assert [one["key"] for one in told["data"]["subjects"] if one["kind"] == kind] == keys


def test_a_projects_destination_hears_that_project_alone(world, hook):
    add(world.ada.at(), hook.url)
    act(owner(world), "member.added")
    act(world.max.at(), "flag.changed")
    deliver()
    assert actions_of(hook.calls) == ["destination.created", "flag.changed"]


def test_nothing_of_another_organization_is_ever_sent(world, hook):
    add(owner(world), hook.url)
    act(tickets.of_member(world.stan.user, "stranger", "shop", "production"), "flag.changed")
    deliver()
    assert actions_of(hook.calls) == ["destination.created"]


def test_a_message_stays_below_twenty_kilobytes(world, hook):
    add(owner(world), hook.url)
    act(world.max.at(), "flag.changed", after={"ids": ["é" * 10] * 2_000}, reason="r" * 9_000)
    deliver()
    body = hook.calls[-1].body
    assert len(body) < 20_000
    assert json.loads(body)["data"]["truncated"] is True


def test_chat_services_are_told_in_their_own_words_and_nobody_speaks_through_a_reason(world, hook):
    add(owner(world), hook.url, "slack", actions=("flag.*",))
    add(owner(world), hook.url, "teams", actions=("flag.*",))
    reason = "<!channel> [sign in](https://evil.test) <https://evil.test|here>"
    act(world.max.at(), "flag.killed", "<!here>", reason=reason)
    deliver()
    documents = [json.loads(call.body) for call in hook.calls]
    slack = next(one for one in documents if "blocks" in one)
    assert [one["text"]["type"] for one in slack["blocks"][:2]] == ["plain_text", "plain_text"]
    assert "<" not in slack["text"]
    card = next(one for one in documents if "attachments" in one)["attachments"][0]["content"]
    assert r"\[sign in\]\(https://evil\.test" not in card["body"][1]["text"]
    assert r"\[sign in\]\(" in card["body"][1]["text"]
    assert card["actions"][0]["url"].startswith("http://127.0.0.1:8000/o/solar/shop/production/")


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_chat_service_is_told_what_changed_and_why_and_not_one_in_place_of_the_other(
    world, hook, kind
):
    add(owner(world), hook.url, kind, actions=("flag.*",))
    act(world.max.at(), "flag.changed", before={"on": False}, after={"on": True}, reason="Launch")
    deliver()
    [told] = [call.body.decode() for call in hook.calls]
    assert "Launch" in told
    assert "false" in told
    assert "true" in told


def acts_of(room: str) -> set[str]:
    """Nouns of acts, as the calls that write the ledger name them, and what names acts for them."""
    found: set[str] = set()
    for path in (HOME / room).rglob("*.py"):
        if "migrations" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                found |= set(_nouns_in(node))
    return found


def _nouns_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name, given = getattr(node.func, "id", getattr(node.func, "attr", "")), node.args
    elif isinstance(node, ast.FunctionDef):
        returns = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
        name, given = node.name, [value for value in returns if value is not None]
    else:
        return
    if not re.search(r"record|^note|revoke|make", name, re.IGNORECASE):
        return
    for one in given:
        for choice in (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,):
            word = choice.values[0] if isinstance(choice, ast.JoinedStr) else choice
            text = word.value if isinstance(word, ast.Constant) else ""
            if isinstance(text, str) and (found := re.match(r"([a-z_]+)\.", text)):
                yield found[1]


def test_every_act_of_the_ledger_falls_in_exactly_one_group():
    """A destination that asks for all groups misses nothing."""
    nouns = set[str]().union(*(acts_of(room) for room in ("accounts", "metrics", "experiments")))
    nouns |= acts_of("flags") | {Target(kind, "").noun for kind in EditKind}
    nouns |= {action.partition(".")[0] for action in ACTS.values()}
    assert {"account", "policy", "change", "flag", "member", "refusal", "sso"} <= nouns
    assert nouns == set(destinations.GROUPS)


def test_datadog_gets_an_event_with_its_key(world, hook, monkeypatch):
    monkeypatch.setitem(DATADOG, "local", hook.url)
    plan = DestinationPlan("datadog", "Events", site="local", api_key="0123abcd")
    acts.create(owner(world), plan)
    act(world.max.at(), "flag.killed", reason="Errors")
    deliver()
    call = hook.calls[-1]
    event = json.loads(call.body)
    assert call.headers["dd-api-key"] == "0123abcd"
    assert "environment:production" in event["tags"]
    assert event["title"] == "max@solar.example: flag.killed checkout"
    assert "webhook-signature" not in call.headers


# --- receivers that fail


def test_a_failed_message_is_tried_again_after_growing_pauses_for_three_days(world, hook):
    hook.answer = answering(500)
    add(owner(world), hook.url)
    began = timezone.now()
    with time_machine.travel(began, tick=False) as clock:
        pauses = tries_until_the_end(clock)
    found = Delivery.across_tenants.get()
    assert found.status == Delivery.Status.FAILED
    assert found.attempts == 10 == len(hook.calls)
    wanted = [delay.total_seconds() for delay in deliveries.DELAYS]
    for pause, least in zip(pauses, wanted, strict=True):
        assert least <= pause <= least * 1.2 + 1
    assert timedelta(days=3) < sum((timedelta(seconds=one) for one in pauses), timedelta())


def tries_until_the_end(clock) -> list[float]:
    pauses: list[float] = []
    last: datetime | None = None
    for _ in range(20):
        deliver()
        found = Delivery.across_tenants.first()
        assert found is not None
        if last is not None:
            pauses.append((timezone.now() - last).total_seconds())
        last = timezone.now()
        if found.next_attempt_at is None:
            return pauses
        deliver()
        assert DeliveryAttempt.across_tenants.count() == found.attempts, "tried before its time"
        clock.move_to(found.next_attempt_at)
    raise AssertionError("never ended")


def test_a_receiver_that_recovers_gets_what_waited_with_the_same_id(world, hook):
    hook.answer = answering(503)
    add(owner(world), hook.url)
    deliver()
    hook.answer = answering(204)
    with time_machine.travel(timezone.now() + timedelta(seconds=10)):
        deliver()
    first, second = hook.calls
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert Delivery.across_tenants.get().status == Delivery.Status.DELIVERED
    assert Destination.across_tenants.get().failing_since is None


def test_a_receiver_may_ask_for_more_time(world, hook):
    hook.answer = answering(429, **{"Retry-After": "3600"})
    add(owner(world), hook.url)
    deliver()
    due = Delivery.across_tenants.get().next_attempt_at
    assert due is not None
    assert due - timezone.now() > timedelta(minutes=59)


def test_a_redirect_to_the_metadata_address_is_a_failure_and_is_not_followed(world, hook):
    hook.answer = answering(302, Location="http://169.254.169.254/latest/meta-data")
    add(owner(world), hook.url)
    deliver()
    attempt = DeliveryAttempt.across_tenants.get()
    assert attempt.status_code == 302
    assert "redirects are not followed" in attempt.problem


def test_410_ends_the_destination_and_the_owners_are_told(world, hook):
    hook.answer = answering(410)
    add(owner(world), hook.url)
    deliver()
    row = Destination.across_tenants.get()
    assert not row.is_active
    assert "410" in row.disabled_reason
    tail.read_all()
    assert [notice.membership.user for notice in Notice.across_tenants.filter(kind="upkeep")] == [
        world.olivia.user
    ]
    act(world.max.at(), "flag.changed")
    deliver()
    assert len(hook.calls) == 1


def test_that_a_projects_destination_ended_its_admins_are_told_and_led_to_it(world, hook):
    hook.answer = answering(410)
    add(world.ada.at(), hook.url)
    deliver()
    tail.read_all()
    told = Notice.across_tenants.filter(kind="upkeep")
    assert {one.membership.user for one in told} == {world.olivia.user, world.ada.user}
    for one in told:
        assert one.mail == Mail.AT_ONCE
        assert one.url == "/org/solar/projects/shop/notifications/"
    assert world.ada.client.get("/org/solar/projects/shop/notifications/").status_code == 200


def test_a_destination_that_fails_for_days_is_switched_off(world, hook):
    hook.answer = answering(500)
    made = add(owner(world), hook.url)
    deliver()
    with time_machine.travel(timezone.now() + timedelta(days=5, hours=1)):
        deliver()
        row = Destination.across_tenants.get()
        assert not row.is_active
        assert row.disabled_reason == "No message got through for 5 days."
        assert world.ledger()[-1].action == "destination.disabled"
        # Switched on again, it gets what waited, and nothing of the time between.
        act(world.max.at(), "flag.changed")
        hook.answer = answering(200)
        acts.enable(owner(world), made.destination.id)
    with time_machine.travel(timezone.now() + timedelta(days=7)):
        hook.calls.clear()
        deliver()
    # New messages before those that failed.
    assert actions_of(hook.calls) == ["destination.enabled", "destination.created"]


def test_an_address_that_turned_private_is_not_called(world, hook, settings):
    add(owner(world), hook.url)
    settings.OUTBOUND_ALLOW = []
    deliver()
    assert hook.calls == []
    problem = DeliveryAttempt.across_tenants.get().problem
    assert problem == "The host leads to a private or reserved address."


def test_one_receiver_that_fails_does_not_keep_the_others_waiting(world, hook):
    with receiver() as dead:
        dead.answer = answering(500)
        add(owner(world), dead.url)
        add(owner(world), hook.url)
        for _ in range(5):
            act(world.max.at(), "flag.changed")
        deliver()
        assert len(dead.calls) == 1
        assert len(hook.calls) == 6


def test_of_two_hundred_messages_none_is_lost_though_every_third_try_fails(world, hook):
    hook.answer = failing_every_third(hook)
    add(owner(world), hook.url, actions=("flag.*",))
    for number in range(200):
        act(world.max.at(), "flag.changed", f"flag-{number}")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(400):
            deliver()
            if not Delivery.across_tenants.filter(status=Delivery.Status.WAITING).exists():
                break
            clock.shift(timedelta(minutes=6))
    arrived = [json.loads(call.body)["data"]["target"] for call in taken(hook)]
    assert sorted(arrived) == sorted(f"flag-{number}" for number in range(200))


def failing_every_third(hook: Receiver):
    def answer(call: Call, to: BaseHTTPRequestHandler) -> None:
        reply(to, 500 if len(hook.calls) % 3 == 0 else 200)

    return answer


def taken(hook: Receiver) -> list[Call]:
    return [call for number, call in enumerate(hook.calls, 1) if number % 3]


def test_first_tries_keep_the_order_of_the_ledger(world, hook):
    add(owner(world), hook.url, actions=("flag.*",))
    for number in range(60):
        act(world.max.at(), "flag.changed", f"flag-{number}")
    while deliver():
        pass
    arrived = [json.loads(call.body)["data"]["sequence"] for call in hook.calls]
    assert len(arrived) == 60
    assert arrived == sorted(arrived)


def test_ringing_twice_makes_and_sends_nothing_twice(world, hook):
    add(owner(world), hook.url)
    act(world.max.at(), "flag.changed")
    assert tail.read_all() > 0
    assert tail.read_all() == 0
    deliver()
    assert deliver() == 0
    assert len(hook.calls) == 2


def test_a_destination_somebody_is_sending_to_is_left_alone(world, hook):
    made = add(owner(world), hook.url)
    tail.read_all()
    rows = Destination.across_tenants.filter(id=made.destination.id)
    rows.update(busy_until=timezone.now() + timedelta(seconds=60))
    assert deliveries.waiting_destinations() == []
    assert deliveries.take_turn(made.destination.id) == 0
    rows.update(busy_until=timezone.now() - timedelta(seconds=1))
    assert deliver() == 1


# --- by hand


def test_the_test_button_sends_now_and_tells_the_answer(world, hook):
    made = add(owner(world), hook.url)
    found = acts.test(owner(world), made.destination.id)
    attempt = destinations.last_try(found)
    assert attempt is not None
    assert (attempt.status_code, attempt.problem) == (200, "")
    assert actions_of(hook.calls) == ["destination.tested"]
    Webhook(made.secret).verify(hook.calls[0].body, hook.calls[0].headers)


def test_a_test_that_fails_is_not_tried_again(world, hook):
    made = add(owner(world), hook.url)
    tail.read_all()
    hook.answer = answering(500)
    found = acts.test(owner(world), made.destination.id)
    assert found.status == Delivery.Status.FAILED
    assert Destination.across_tenants.get().failing_since is None


def test_a_failed_message_is_sent_again_by_hand(world, hook):
    made = add(owner(world), hook.url)
    deliver()
    Delivery.across_tenants.update(status=Delivery.Status.FAILED)
    found = Delivery.across_tenants.get()
    acts.redeliver(owner(world), made.destination.id, found.id)
    assert deliveries.take_turn(made.destination.id) == 1
    assert hook.calls[0].headers["webhook-id"] == hook.calls[1].headers["webhook-id"]


# --- who may, and what is refused


def test_an_owner_sees_all_and_an_admin_those_of_their_project(world, hook):
    everywhere: NewDestination = add(owner(world), hook.url)
    here = add(world.ada.at(), hook.url)
    assert {one.id for one in destinations.listed(owner(world))} == {
        everywhere.destination.id,
        here.destination.id,
    }
    assert [one.id for one in destinations.listed(world.ada.at())] == [here.destination.id]
    with pytest.raises(NotFound):
        acts.remove(world.ada.at(), everywhere.destination.id)
    with pytest.raises(NotPermitted):
        add(world.max.at(), hook.url)
    with pytest.raises(NotPermitted):
        add(tickets.of_member(world.ada.user, "solar"), hook.url)


def test_another_organizations_destination_is_not_found(world, hook):
    made = add(owner(world), hook.url)
    stan = tickets.of_member(world.stan.user, "stranger")
    for forbidden in (acts.remove, acts.test, acts.rotate_secret, acts.disable, acts.enable):
        with pytest.raises(NotFound):
            forbidden(stan, made.destination.id)


@pytest.mark.parametrize(
    ("plan", "where"),
    [
        (DestinationPlan("pager", "A", "https://1.1.1.1/"), "kind"),
        (DestinationPlan("webhook", " ", "https://1.1.1.1/"), "name"),
        (DestinationPlan("webhook", "A", ""), "url"),
        (DestinationPlan("datadog", "A", site="evil.test", api_key="a"), "site"),
        (DestinationPlan("datadog", "A", site="datadoghq.eu"), "api_key"),
        (DestinationPlan("webhook", "A", "https://1.1.1.1/", project="none"), "project"),
        (
            DestinationPlan("slack", "A", "https://1.1.1.1/", filters=Filters(("flags",))),
            "actions",
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_its_place(world, plan, where, monkeypatch):
    monkeypatch.setattr("accounts.targets.look_up", lambda host, port: ["1.1.1.1"])
    with pytest.raises(InvalidInput) as error:
        acts.create(owner(world), plan)
    assert error.value.data["where"] == where


def test_an_address_inside_is_refused_when_it_is_saved_and_when_it_is_changed(world, hook):
    made = add(owner(world), hook.url)
    inside = DestinationPlan("webhook", "A", "https://10.0.0.1/")
    with pytest.raises(outbound.Refused):
        acts.create(owner(world), inside)
    with pytest.raises(outbound.Refused):
        acts.change(owner(world), made.destination.id, inside)
    assert sealing.unseal(bytes(Destination.across_tenants.get().url)) == hook.url


# --- how many, and how often


def test_an_organization_has_so_many_destinations_and_no_more(world, hook, monkeypatch):
    monkeypatch.setattr(acts, "MOST", 2)
    made = [add(owner(world), hook.url), add(world.ada.at(), hook.url)]
    with pytest.raises(InvalidInput, match="the most") as refused:
        add(owner(world), hook.url)
    assert refused.value.hint.startswith("Remove one")
    add(tickets.of_member(world.stan.user, "stranger"), hook.url)
    acts.remove(owner(world), made[0].destination.id)
    add(owner(world), hook.url)


def test_tests_and_redeliveries_are_limited(world, hook, monkeypatch):
    monkeypatch.setattr(acts, "TESTS_A_MINUTE", 2)
    monkeypatch.setattr(acts, "REDELIVERIES_A_MINUTE", 1)
    made = add(world.ada.at(), hook.url).destination
    tested = [acts.test(one, made.id) for one in (owner(world), world.ada.at())]
    with pytest.raises(TooOften):
        acts.test(owner(world), made.id)
    assert len(hook.calls) == 2
    acts.redeliver(owner(world), made.id, tested[0].id)
    with pytest.raises(TooOften):
        acts.redeliver(owner(world), made.id, tested[1].id)
    assert Delivery.across_tenants.filter(status=Delivery.Status.WAITING).count() == 1
