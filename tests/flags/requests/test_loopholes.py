"""Ways around a review that look harmless: each one leads to a wait or a refusal."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import access as tickets
from accounts.actions import credentials, environments
from accounts.actions.credentials import Reach
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.models import ProjectRole
from accounts.permissions import Permission, Role
from flags import changes, docket, queries, requests
from flags.changes import Part, Pending
from flags.edits import AddRule, SetClientSide, SetFallthrough, SetOff, SetSegment, TurnOn
from flags.requests import RevisionChanged
from tests.api import ROOT, Api
from tests.flags.requests.steps import (
    FLAG,
    again,
    approve,
    ask_for_review,
    is_on,
    number_of,
    propose,
    said,
)
from tests.world.cast import World
from tests.world.factories import make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause


def test_a_flag_with_the_key_of_a_segment_does_not_hide_that_it_asks_for_it(world: World):
    make_flag(world.max.at(), "beta")
    make_segment(world.max.at(), "beta")
    ask_for_review(world)
    asks = make_rule(when=(Clause(None, "in_segment", ("beta",)),))
    assert isinstance(submit(world.max.at(), "beta", AddRule(asks)), Pending)
    edit = SetSegment("user", ("u-1", "u-2"), (), ())
    outcome = changes.submit(world.max.at(), changes.segment("beta"), [edit], expected_version=1)
    assert isinstance(outcome, Pending)


def test_what_applies_when_approved_waits_where_nobody_has_to_approve(world: World):
    make_flag(world.max.at())
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(
        world.max.at(), [part], comment="look", apply_when_approved=True
    )
    assert isinstance(outcome, Pending)
    assert not is_on(world)
    approve(world.rita, outcome.change)
    assert is_on(world)


def test_only_what_was_looked_at_is_put_in_force(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    change = propose(world.max)
    number, seen = number_of(change), change.content_hash
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    newer = requests.revise(world.max.at(), number, [part], expected_revision=1)
    with pytest.raises(RevisionChanged):
        requests.bypass(world.ada.at(), number, reason="fire", content_hash=seen)
    approve(world.rita, change)
    with pytest.raises(RevisionChanged):
        requests.apply(world.ada.at(), number, content_hash=seen)
    assert not is_on(world)
    requests.apply(world.ada.at(), number, content_hash=newer.content_hash)
    assert is_on(world)


def test_archiving_an_environment_does_not_lift_the_review_of_what_it_shares(world: World):
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    environments.archive(world.olivia.at(), "production", reason="moved")
    outcome = changes.submit(
        world.max.at("staging"),
        changes.definition(FLAG),
        [SetClientSide(client_side=True)],
        expected_version=1,
    )
    assert isinstance(outcome, Pending)


def test_a_token_without_the_rights_of_its_person_takes_nothing_back(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    change = propose(world.max)
    approve(world.rita, change)
    saved = requests.save_draft(world.max.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)])
    made = credentials.create_token(world.max.at(), "dashboard", Reach(read_only=True))
    narrow = tickets.narrowed(world.max.at(), credentials.token(made.secret))
    with pytest.raises(NotPermitted):
        requests.withdraw(narrow, number_of(change))
    with pytest.raises(NotPermitted):
        requests.discard_draft(narrow, number_of(saved))
    narrow = replace(world.rita.at(), grants=frozenset({Permission.VIEW}))
    with pytest.raises(NotPermitted):
        requests.reject(narrow, number_of(change), reason="no")


def test_whoever_may_only_look_by_now_still_takes_back_what_is_theirs(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    change = propose(world.max)
    saved = requests.save_draft(world.max.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)])
    others = propose(world.rita)
    secret = world.max.token()
    mine = ProjectRole.objects.within(world.project).filter(membership__user=world.max.user)
    mine.update(role=Role.VIEWER)
    with pytest.raises(NotPermitted, match="Only its authors"):
        requests.withdraw(world.max.at(), number_of(others))
    # Not by a token: it has no right to write by now.
    refused = Api(secret).post(f"{ROOT}/requests/{change.number}/withdraw", {"comment": "mine"})
    assert refused.status == 403
    requests.withdraw(world.max.at(), number_of(change), reason="mine")
    requests.discard_draft(world.max.at(), number_of(saved))
    assert again(world.max, change).status == "withdrawn"
    assert docket.drafts(world.max.at()) == []
    # Who is no member of the project any more takes nothing back.
    mine.delete()
    with pytest.raises(NotFound):
        world.max.at()


def test_a_schedule_ends_when_somebody_else_revises_the_request(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    number = number_of(propose(world.max))
    then = timezone.now() + timedelta(hours=1)
    requests.schedule(world.max.at(), number, at=then)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    requests.revise(world.max.at(), number, [part], expected_revision=1)
    assert docket.request(world.max.at(), number).scheduled_for == then
    part = Part(changes.state(FLAG), (TurnOn(), SetOff("on")), 0)
    requests.revise(world.ada.at(), number, [part], expected_revision=2)
    assert docket.request(world.max.at(), number).scheduled_for is None
    assert "change.unscheduled" in [line.action for line in world.ledger()]


def asked_to_apply_by_itself(world: World) -> int:
    make_flag(world.max.at())
    ask_for_review(world)
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(
        world.max.at(), [part], comment="look", apply_when_approved=True
    )
    assert isinstance(outcome, Pending)
    return number_of(outcome.change)


def test_what_somebody_else_wrote_does_not_apply_by_itself_in_its_authors_name(world: World):
    number = asked_to_apply_by_itself(world)
    shown = world.max.client.get(world.url(f"requests/{number}/")).content.decode()
    assert "It applies by itself once it is approved." in shown
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    change = requests.revise(world.ada.at(), number, [part], expected_revision=1)
    assert said(world.ledger()[-1])["waits_for_hand"] is True
    approve(world.rita, change)
    assert not is_on(world)
    shown = world.max.client.get(world.url(f"requests/{number}/")).content.decode()
    assert "wrote its newest revision, so it waits for somebody to apply it." in shown
    assert "applies by itself" not in shown
    requests.apply(world.ada.at(), number)
    assert world.ledger()[-1].actor_label == world.ada.user.email


def test_what_its_author_wrote_anew_still_applies_by_itself(world: World):
    number = asked_to_apply_by_itself(world)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    change = requests.revise(world.max.at(), number, [part], expected_revision=1)
    approve(world.rita, change)
    assert is_on(world)
    assert world.ledger()[-1].actor_label == world.max.user.email


def test_nobody_talks_about_a_draft(world: World):
    make_flag(world.max.at())
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    draft = requests.save_draft(world.max.at(), [part])
    with pytest.raises(InvalidInput, match="draft"):
        requests.comment(world.max.at(), number_of(draft), "hm")


def test_a_draft_that_was_overtaken_stays_its_authors(world: World):
    make_flag(world.max.at())
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    number = number_of(requests.save_draft(world.max.at(), [part]))
    submit(world.rita.at(), FLAG, TurnOn())
    overtaken = requests.rebase(world.max.at(), number)
    assert overtaken.status == "superseded"
    assert docket.request(world.max.at(), number) == overtaken
    assert overtaken not in docket.requests(world.max.at())
    with pytest.raises(NotFound):
        docket.request(world.rita.at(), number)
    with pytest.raises(NotFound):
        queries.change(world.rita.at(), overtaken.id)
