"""Environments side by side, and one set as the other: by one change, reviewed as any other."""

from typing import Any

import pytest

from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import Environment
from experiments import lifecycle
from flags import changes, copying, queries
from flags.copying import Chosen, Pair
from flags.drafting import Part, StaleVersion, Target
from flags.edits import (
    AddRule,
    AssignUnits,
    CopyState,
    EditKind,
    InvalidEdit,
    SetFallthrough,
    SetReviewRules,
    TurnOff,
    TurnOn,
)
from flags.models import Change
from tests.experiments.factories import a_plan, make_metrics
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, submit
from wayfork.engine import Split

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    staging = world.max.at("staging")
    make_flag(staging, on=True)
    add_rule(staging, "quote-form", make_rule(share=40_000))
    make_flag(staging, "same")
    return world


def pair(world: World, key: str = "quote-form") -> Pair:
    found = copying.pairs(world.max.at(), world.staging)
    return next(one for one in found if one.definition.key == key)


def chosen(world: World, *keys: str) -> list[Chosen]:
    return [
        Chosen(one.definition.key, one.here.version, one.there.version)
        for one in copying.pairs(world.max.at(), world.staging)
        if one.definition.key in keys
    ]


def copy(world: World, *keys: str, **options: Any) -> changes.Outcome:
    access = world.max.at()
    parts = copying.parts(access, world.staging, chosen(world, *keys), **options)
    return changes.submit_all(access, parts, comment="Promote")


def state(access: Access, key: str = "quote-form") -> Any:
    return queries.flag(access, key).state


def test_flags_that_say_the_same_are_told_from_those_that_differ(world: World):
    same = {one.definition.key: one.is_same for one in copying.pairs(world.max.at(), world.staging)}
    assert same == {"quote-form": False, "same": True}


def test_ids_and_salts_of_rules_are_no_difference(world: World):
    access = world.max.at()
    submit(access, "quote-form", TurnOn())
    add_rule(access, "quote-form", make_rule(rule_id="other", share=40_000))
    assert pair(world).is_same


def test_a_copy_sets_the_flag_here_as_it_stands_there(world: World):
    copy(world, "quote-form")
    assert state(world.max.at()) == state(world.max.at("staging"))
    assert pair(world).is_same
    line = world.ledger()[-1]
    assert "Copy from staging (version 2), but not assignments" in str(line.after)
    assert line.environment == world.production


def test_several_flags_are_copied_by_one_change(world: World):
    submit(world.max.at("staging"), "same", TurnOn())
    before = Change.objects.within(world.project).count()
    copy(world, "quote-form", "same")
    assert Change.objects.within(world.project).count() == before + 1
    assert all(one.is_same for one in copying.pairs(world.max.at(), world.staging))


def test_assignments_and_the_switch_are_copied_only_when_asked_for(world: World):
    staging, production = world.max.at("staging"), world.max.at()
    submit(staging, "quote-form", AssignUnits("user", "on", ("tester",)))
    submit(production, "quote-form", AssignUnits("user", "off", ("boss",)))
    copy(world, "quote-form", with_switch=False)
    found = state(production)
    assert (found.enabled, found.assignments) == (False, {"user": {"boss": "off"}})
    assert [rule.id for rule in found.rules] == ["r1"]
    copy(world, "quote-form", with_assignments=True)
    found = state(production)
    assert (found.enabled, found.assignments) == (True, {"user": {"tester": "on"}})


def test_people_are_not_moved_by_copying_a_rule_that_is_here_already(world: World):
    production = world.max.at()
    add_rule(production, "quote-form", make_rule(rule_id="mine", share=10_000))
    split = Split("user", "own-salt", (("on", 50_000), ("off", 50_000)))
    submit(production, "quote-form", SetFallthrough(split))
    theirs = Split("user", "their-salt", (("on", 20_000), ("off", 80_000)))
    submit(world.max.at("staging"), "quote-form", SetFallthrough(theirs))
    copy(world, "quote-form")
    found = state(production)
    [rule] = found.rules
    assert rule.id == "mine"
    assert rule.allocation.salt == "mine.share"
    assert rule.allocation.ranges == ((0, 40_000),)
    assert (found.fallthrough.salt, found.fallthrough.weights) == ("own-salt", theirs.weights)


def test_experiments_stay_where_they_run(world: World):
    staging, production = world.max.at("staging"), world.max.at()
    make_metrics(production)
    for access, key in ((staging, "there"), (production, "here")):
        submit(access, "quote-form", TurnOn())
        lifecycle.create(access, key, a_plan(flag_key="quote-form"))
        lifecycle.start(access, key)
    add_rule(staging, "quote-form", make_rule(rule_id="plain"))
    copy(world, "quote-form")
    rules = state(production).rules
    assert [rule.experiment for rule in rules if rule.experiment] == ["here"]
    assert {rule.id for rule in rules if not rule.experiment} == {"r1", "plain"}


def test_where_reviews_are_asked_for_a_copy_waits(world: World):
    policy = Target(EditKind.POLICY, "policy")
    rules = SetReviewRules(approvals=1, frozen=False)
    changes.submit(world.ada.at(), policy, [rules], expected_version=0)
    outcome = copy(world, "quote-form")
    assert isinstance(outcome, changes.Pending)
    assert state(world.max.at()).enabled is False


def test_what_moved_since_it_was_seen_is_refused_on_either_side(world: World):
    seen = chosen(world, "quote-form")
    submit(world.max.at("staging"), "quote-form", TurnOff())
    with pytest.raises(StaleVersion, match="in Staging"):
        copying.parts(world.max.at(), world.staging, seen)
    seen = chosen(world, "quote-form")
    parts = copying.parts(world.max.at(), world.staging, seen)
    add_rule(world.max.at(), "quote-form", make_rule(rule_id="new"))
    with pytest.raises(StaleVersion):
        changes.submit_all(world.max.at(), parts)


def test_a_copy_cannot_claim_what_never_stood_there(world: World):
    access = world.max.at()
    true = pair(world).edit()
    forged = dict(true.state) | {"enabled": False}
    for edit in (
        CopyState("staging", true.version, forged),
        CopyState("staging", true.version - 1, true.state),
        CopyState("development", true.version, true.state),
        CopyState("no-such", true.version, true.state),
    ):
        with pytest.raises(InvalidEdit, match="never stood so"):
            changes.submit_all(access, [Part(changes.state("quote-form"), (edit,), 0)])


def test_an_approved_copy_applies_as_it_was_read_though_its_source_moved_on(world: World):
    access = world.max.at()
    edit = pair(world).edit()
    submit(world.max.at("staging"), "quote-form", AddRule(make_rule(rule_id="later")))
    changes.submit_all(access, [Part(changes.state("quote-form"), (edit,), 0)])
    assert [rule.id for rule in state(access).rules] == ["r1"]


def test_an_approved_copy_of_what_nobody_had_touched_applies_though_its_source_moved_on(
    world: World,
):
    access = world.max.at()
    make_flag(access, "fresh", on=True)
    edit = pair(world, "fresh").edit()
    assert edit.version == 0
    submit(world.max.at("staging"), "fresh", TurnOn())
    forged = CopyState("staging", 0, {**edit.state, "fallthrough": "off"})
    with pytest.raises(InvalidEdit, match="never stood so"):
        changes.submit_all(access, [Part(changes.state("fresh"), (forged,), 1)])
    changes.submit_all(access, [Part(changes.state("fresh"), (edit,), 1)])
    assert queries.flag(access, "fresh").state.enabled is False


def test_nothing_chosen_and_far_too_much_are_refused(world: World):
    with pytest.raises(InvalidEdit):
        copying.parts(world.max.at(), world.staging, [])
    with pytest.raises(InvalidEdit):
        copying.parts(world.max.at(), world.staging, [Chosen("quote-form", 0, 0)] * 201)
    with pytest.raises(NotFound):
        copying.parts(world.max.at(), world.staging, [Chosen("no-such", 0, 0)])


def test_an_environment_of_another_tenant_is_no_source(world: World):
    theirs = Environment.objects.within(world.stan.at().project).get(key="staging")
    with pytest.raises(NotFound):
        world.max.at().at(theirs)
