"""The door: what a change writes, and what it refuses."""

from dataclasses import replace

import pytest
from django.test import override_settings

from accounts import access as tickets
from accounts.errors import AlreadyExists, NotFound, NotPermitted
from flags import changes, queries
from flags.changes import Applied, Pending, ReasonMissing, StaleVersion, Unchanged
from flags.edits import (
    AddRule,
    AddVariation,
    ArchiveFlag,
    ArchiveSegment,
    AssignUnits,
    ChangeVariation,
    CreateFlag,
    InvalidEdit,
    MoveRule,
    RemoveRule,
    RemoveVariation,
    ReplaceRule,
    RestoreFlag,
    SetFallthrough,
    SetPrerequisites,
    SetReviewRules,
    SetRollout,
    SetTags,
    TurnOff,
    TurnOn,
    UnassignUnits,
)
from flags.models import Change, Snapshot, SnapshotHead
from flags.snapshots import SnapshotTooLarge, UnservableSnapshot
from tests.world.cast import Person, World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Allocation, Clause, Prerequisite, parse_snapshot, verify_checksum


def served(person: Person, environment: str = "production"):
    return queries.snapshot(person.at(environment).environment)


def test_turning_a_flag_on_leaves_one_change_one_line_and_one_snapshot(world: World):
    make_flag(world.max.at())
    lines, snapshots = len(world.ledger()), Snapshot.objects.within(world.production).count()
    outcome = submit(world.max.at(), "quote-form", TurnOn(), comment="launch")
    assert isinstance(outcome, Applied)
    assert outcome.change.status == Change.Status.APPLIED
    assert outcome.change.parts[0]["sentences"] == ["Turn on"]
    assert len(world.ledger()) == lines + 1
    line = world.ledger()[-1]
    assert (line.action, line.target, line.reason) == ("flag.changed", "quote-form", "launch")
    assert line.before is not None
    assert line.after is not None
    assert line.before["quote-form"]["enabled"] is False
    assert line.after["quote-form"]["enabled"] is True
    assert Snapshot.objects.within(world.production).count() == snapshots + 1
    assert served(world.max).flags["quote-form"].enabled is True


def test_a_change_in_production_leaves_staging_alone(world: World):
    make_flag(world.max.at(), on=True)
    assert served(world.max, "staging").flags["quote-form"].enabled is False
    assert queries.flag(world.max.at("staging"), "quote-form").version == 0


def test_the_published_document_carries_its_own_checksum(world: World):
    make_flag(world.max.at(), on=True)
    row = Snapshot.objects.within(world.production).latest("version")
    assert verify_checksum(bytes(row.document))
    assert parse_snapshot(bytes(row.document)).checksum == row.checksum


def test_versions_have_no_gaps(world: World):
    make_flag(world.max.at())
    for edit in (TurnOn(), TurnOff(), TurnOn()):
        submit(world.max.at(), "quote-form", edit)
    rows = Snapshot.objects.within(world.production).order_by("version")
    assert list(rows.values_list("version", flat=True)) == [1, 2, 3, 4]


def test_an_edit_that_changes_nothing_writes_nothing(world: World):
    make_flag(world.max.at(), on=True)
    lines = len(world.ledger())
    outcome = submit(world.max.at(), "quote-form", TurnOn())
    assert outcome == Unchanged(1)
    assert len(world.ledger()) == lines


def test_renaming_a_tag_is_recorded_and_served_because_tags_travel(world: World):
    make_flag(world.max.at())
    _, version = queries.flag_definition(world.max.at(), "quote-form")
    target = changes.definition("quote-form")
    outcome = changes.submit(
        world.max.at(), target, [SetTags(("Web", " web "))], expected_version=version
    )
    assert isinstance(outcome, Applied)
    assert len(outcome.published) == 3
    assert queries.flag_definition(world.max.at(), "quote-form")[0].tags == ("web",)


def test_a_stale_version_is_refused_with_both_numbers(world: World):
    make_flag(world.max.at(), on=True)
    with pytest.raises(StaleVersion) as refusal:
        changes.submit(
            world.ada.at(), changes.state("quote-form"), [TurnOff()], expected_version=0 + 7
        )
    assert (refusal.value.expected, refusal.value.actual) == (7, 1)
    assert queries.flag(world.max.at(), "quote-form").state.enabled is True


def test_a_viewer_cannot_turn_a_flag_on(world: World):
    make_flag(world.max.at())
    lines = len(world.ledger())
    with pytest.raises(NotPermitted):
        changes.submit(world.vera.at(), changes.state("quote-form"), [TurnOn()], expected_version=0)
    assert queries.flag(world.max.at(), "quote-form").state.enabled is False
    assert len(world.ledger()) == lines


def test_somebody_without_a_role_and_a_stranger_find_nothing(world: World):
    with pytest.raises(NotFound):
        world.mia.at()
    other = world.stan.at
    with pytest.raises(NotFound):
        other("no-such-environment")
    with pytest.raises(NotFound):
        tickets.of_member(world.stan.user, "solar", "shop", "production")


def test_a_key_is_never_given_twice_even_after_archiving(world: World):
    make_flag(world.max.at())
    target = changes.definition("quote-form")
    changes.submit(world.max.at(), target, [ArchiveFlag()], expected_version=1)
    for key in ("quote-form", "QUOTE-FORM"):
        with pytest.raises(AlreadyExists):
            make_flag(world.max.at(), key)


def test_an_archived_flag_is_served_nowhere_until_it_comes_back(world: World):
    make_flag(world.max.at(), on=True)
    target = changes.definition("quote-form")
    changes.submit(world.max.at(), target, [ArchiveFlag()], expected_version=1)
    assert "quote-form" not in served(world.max).flags
    assert served(world.max).shrunk is True
    changes.submit(world.max.at(), target, [RestoreFlag()], expected_version=2)
    assert served(world.max).flags["quote-form"].enabled is True


@pytest.mark.parametrize(
    "edit",
    [
        SetFallthrough("purple"),
        AddRule(make_rule(serve="purple")),
        AddRule(make_rule(when=(Clause("country", "sounds_like", ("DE",)),))),
        AddRule(make_rule(when=(Clause("age", "gt", ("old",)),))),
        AddRule(make_rule(when=(Clause("name", "matches", ("(a+)+$",)),))),
        AddRule(make_rule(when=(Clause(None, "in_segment", ("nobody",)),))),
        SetPrerequisites((Prerequisite("no-such-flag", ("on",)),)),
        SetPrerequisites((Prerequisite("quote-form", ("on",)),)),
        AssignUnits("spaceship", "on", ("u-1",)),
        AssignUnits("user", "purple", ("u-1",)),
    ],
    ids=lambda edit: f"{edit.name}-{edit.sentence()[:30]}",
)
def test_what_sdks_could_not_load_is_refused_on_save_naming_the_place(world: World, edit):
    make_flag(world.max.at(), on=True)
    before = SnapshotHead.objects.within(world.production).get().version
    with pytest.raises(UnservableSnapshot) as refusal:
        submit(world.max.at(), "quote-form", edit)
    assert "quote-form" in refusal.value.where
    assert str(refusal.value)
    assert SnapshotHead.objects.within(world.production).get().version == before
    assert queries.flag(world.max.at(), "quote-form").version == 1


def test_a_circle_of_prerequisites_is_refused(world: World):
    for key in ("a", "b", "c"):
        make_flag(world.max.at(), key)
    submit(world.max.at(), "a", SetPrerequisites((Prerequisite("b", ("on",)),)))
    submit(world.max.at(), "b", SetPrerequisites((Prerequisite("c", ("on",)),)))
    with pytest.raises(UnservableSnapshot):
        submit(world.max.at(), "c", SetPrerequisites((Prerequisite("a", ("on",)),)))


def test_a_variation_of_the_wrong_type_is_refused(world: World):
    make_flag(world.max.at())
    target = changes.definition("quote-form")
    with pytest.raises(UnservableSnapshot):
        changes.submit(world.max.at(), target, [ChangeVariation("on", "yes")], expected_version=1)
    with pytest.raises(UnservableSnapshot):
        make_flag(
            world.max.at(),
            "limit",
            type="integer",
            variations={"a": 1.5, "b": 2},
            off="a",
            fallthrough="b",
        )


def test_a_variation_in_use_cannot_be_removed(world: World):
    make_flag(world.max.at())
    target = changes.definition("quote-form")
    changes.submit(world.max.at(), target, [AddVariation("maybe", value=True)], expected_version=1)
    add_rule(world.max.at(), "quote-form", make_rule(serve="maybe"))
    with pytest.raises(UnservableSnapshot):
        changes.submit(world.max.at(), target, [RemoveVariation("maybe")], expected_version=2)


def test_a_segment_in_use_cannot_be_archived(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at())
    rule = make_rule(when=(Clause(None, "in_segment", ("beta",)),))
    add_rule(world.max.at(), "quote-form", rule)
    assert queries.segment(world.max.at(), "beta").used_by == ("flag quote-form in Production",)
    with pytest.raises(UnservableSnapshot):
        changes.submit(
            world.max.at(), changes.segment("beta"), [ArchiveSegment()], expected_version=1
        )


def test_a_document_above_its_limit_is_refused(world: World):
    make_flag(world.max.at())
    with override_settings(SNAPSHOT_LIMIT_BYTES=2000), pytest.raises(SnapshotTooLarge):
        submit(
            world.max.at(),
            "quote-form",
            AssignUnits("user", "on", tuple(f"user-{n}" for n in range(200))),
        )
    assert queries.flag(world.max.at(), "quote-form").state.assignments == {}


def allocation_of(person: Person) -> Allocation:
    allocation = queries.flag(person.at(), "quote-form").state.rules[0].allocation
    assert allocation is not None
    return allocation


def test_salts_survive_every_rewriting_of_a_rule(world: World):
    make_flag(world.max.at())
    add_rule(world.max.at(), "quote-form", make_rule(share=10_000))
    other_salt = Allocation("user", "another-salt", ((0, 50_000),))
    rewritten = replace(make_rule(name="Half of Germany"), allocation=other_salt)
    submit(world.max.at(), "quote-form", ReplaceRule(rewritten))
    kept = allocation_of(world.max)
    assert (kept.salt, kept.ranges) == ("r1.share", ((0, 50_000),))
    submit(world.max.at(), "quote-form", SetRollout("r1", 70_000))
    kept = allocation_of(world.max)
    assert (kept.salt, kept.ranges) == ("r1.share", ((0, 70_000),))


def test_rules_can_be_moved_and_removed(world: World):
    make_flag(world.max.at())
    for rule_id in ("r1", "r2", "r3"):
        add_rule(world.max.at(), "quote-form", make_rule(rule_id=rule_id))
    submit(world.max.at(), "quote-form", MoveRule("r3", 0))
    submit(world.max.at(), "quote-form", RemoveRule("r1"))
    rules = queries.flag(world.max.at(), "quote-form").state.rules
    assert [rule.id for rule in rules] == ["r3", "r2"]
    with pytest.raises(InvalidEdit):
        submit(world.max.at(), "quote-form", RemoveRule("r1"))


def test_custom_assignments_come_and_go(world: World):
    make_flag(world.max.at())
    submit(world.max.at(), "quote-form", AssignUnits("user", "on", ("u-1", "u-2")))
    submit(world.max.at(), "quote-form", UnassignUnits("user", ("u-1",)))
    assert queries.flag(world.max.at(), "quote-form").state.assignments == {"user": {"u-2": "on"}}


def test_rolling_back_is_a_new_higher_version_with_the_earlier_content(world: World):
    make_flag(world.max.at())
    first = submit(world.max.at(), "quote-form", TurnOn(), AddRule(make_rule()))
    submit(world.max.at(), "quote-form", TurnOff(), RemoveRule("r1"))
    assert isinstance(first, Applied)
    with pytest.raises(ReasonMissing):
        changes.roll_back(world.max.at(), changes.state("quote-form"), to=first.change, reason=" ")
    outcome = changes.roll_back(
        world.max.at(), changes.state("quote-form"), to=first.change, reason="errors rise"
    )
    assert isinstance(outcome, Applied)
    flag = queries.flag(world.max.at(), "quote-form")
    assert (flag.version, flag.state.enabled, len(flag.state.rules)) == (3, True, 1)
    assert world.ledger()[-1].action == "flag.rolled_back"


def test_where_approvals_are_needed_a_change_waits_and_nothing_is_served(world: World):
    make_flag(world.max.at())
    policy = changes.Target(SetReviewRules.kind, "policy")
    changes.submit(world.ada.at(), policy, [SetReviewRules(1)], expected_version=0)
    outcome = submit(world.max.at(), "quote-form", TurnOn())
    assert isinstance(outcome, Pending)
    assert outcome.change.approvals_needed == 1
    assert served(world.max).flags["quote-form"].enabled is False
    assert queries.flag(world.max.at(), "quote-form").version == 0
    assert world.ledger()[-1].action == "change.submitted"


def test_a_change_that_could_not_be_served_is_not_even_put_up_for_review(world: World):
    make_flag(world.max.at())
    policy = changes.Target(SetReviewRules.kind, "policy")
    changes.submit(world.ada.at(), policy, [SetReviewRules(1)], expected_version=0)
    with pytest.raises(UnservableSnapshot):
        submit(world.max.at(), "quote-form", SetFallthrough("purple"))
    assert not Change.objects.within(world.project).filter(status=Change.Status.OPEN).exists()


def test_a_batch_lands_whole_or_not_at_all(world: World):
    make_flag(world.max.at(), "a")
    make_flag(world.max.at(), "b")
    good = changes.Part(changes.state("a"), (TurnOn(),), 0)
    bad = changes.Part(changes.state("b"), (SetFallthrough("purple"),), 0)
    with pytest.raises(UnservableSnapshot):
        changes.submit_all(world.max.at(), [good, bad])
    assert queries.flag(world.max.at(), "a").state.enabled is False
    outcome = changes.submit_all(
        world.max.at(), [good, changes.Part(changes.state("b"), (TurnOn(),), 0)]
    )
    assert isinstance(outcome, Applied)
    assert len(outcome.published) == 1


def test_an_edit_of_another_kind_is_no_way_around_the_target(world: World):
    make_flag(world.max.at())
    edit = CreateFlag("x", "X", "boolean", {"on": True, "off": False}, "off", "on")
    with pytest.raises(NotFound):
        changes.submit(world.max.at(), changes.state("quote-form"), [edit], expected_version=0)
