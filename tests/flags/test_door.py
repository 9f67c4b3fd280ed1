"""What must not slip through the door: batches that trip over themselves, edits of nothing."""

import json
from dataclasses import replace

import pytest

from accounts.access import Access
from accounts.errors import NotFound
from flags import announcements, changes, queries, snapshots
from flags.changes import Applied
from flags.edits import (
    AddRule,
    ArchiveFlag,
    ArchiveSegment,
    ChangeVariation,
    CreateFlag,
    CreateSegment,
    DescribeFlag,
    Edit,
    InvalidEdit,
    RemoveVariation,
    ReplaceRule,
    RestoreState,
    SetHoldoutDefinition,
    SetLayer,
    SetPrerequisites,
    SetSegment,
    SetTags,
    TurnOff,
    TurnOn,
)
from flags.edits.base import EditKind
from flags.edits.state import own_part
from flags.models import Change, Snapshot
from flags.snapshots import UnservableSnapshot
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, submit
from wayfork.engine import Clause, Prerequisite


@pytest.mark.parametrize(
    "edit",
    [DescribeFlag("Nobody"), SetTags(("a",)), ArchiveFlag(), ChangeVariation("on", value=True)],
    ids=lambda edit: edit.name,
)
def test_a_flag_that_is_not_there_cannot_be_changed(world: World, edit: Edit):
    for version in (0, 1):
        with pytest.raises(NotFound):
            changes.submit(
                world.max.at(), changes.definition("nobody"), [edit], expected_version=version
            )
    assert not Change.objects.within(world.project).exists()


@pytest.mark.parametrize(
    "edit", [ArchiveSegment(), SetSegment("user", (), (), ())], ids=lambda edit: edit.name
)
def test_a_segment_that_is_not_there_cannot_be_changed(world: World, edit: Edit):
    with pytest.raises(NotFound):
        changes.submit(world.max.at(), changes.segment("nobody"), [edit], expected_version=0)


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        (
            EditKind.DEFINITION,
            CreateFlag("other", "Other", "boolean", {"on": True, "off": False}, "off", "on"),
        ),
        (EditKind.SEGMENT, CreateSegment("other", "Other")),
        (EditKind.HOLDOUT, SetHoldoutDefinition("other", "Other", "user", 1000)),
        (EditKind.LAYER, SetLayer("other", "Other", "user", {})),
    ],
    ids=lambda value: value.name if isinstance(value, Edit) else "",
)
def test_a_thing_cannot_be_made_under_a_key_that_is_not_its_own(
    world: World, kind: EditKind, edit: Edit
):
    with pytest.raises(InvalidEdit) as refusal:
        changes.submit(world.ada.at(), changes.Target(kind, "this"), [edit], expected_version=0)
    assert refusal.value.where == "key"
    assert not Change.objects.within(world.project).exists()


def test_a_holdout_keeps_its_key(world: World):
    target = changes.Target(EditKind.HOLDOUT, "winter")
    make = SetHoldoutDefinition("winter", "Winter", "user", 1000)
    changes.submit(world.max.at(), target, [make], expected_version=0)
    rename = SetHoldoutDefinition("summer", "Summer", "user", 1000)
    with pytest.raises(InvalidEdit):
        changes.submit(world.max.at(), target, [rename], expected_version=1)


def test_a_batch_that_names_a_target_twice_is_refused_since_one_edit_would_be_lost(world: World):
    make_flag(world.max.at())
    twice = [
        changes.Part(changes.state("quote-form"), (TurnOn(),), 0),
        changes.Part(changes.state("quote-form"), (AddRule(make_rule()),), 0),
    ]
    with pytest.raises(InvalidEdit, match="twice"):
        changes.submit_all(world.max.at(), twice)
    assert queries.flag(world.max.at(), "quote-form").version == 0


def test_true_in_place_of_one_is_a_change_and_is_served(world: World):
    make_flag(
        world.max.at(),
        "banner",
        type="json",
        variations={"a": {"wide": 1}, "b": {}},
        off="a",
        fallthrough="a",
    )
    outcome = changes.submit(
        world.max.at(),
        changes.definition("banner"),
        [ChangeVariation("a", {"wide": True})],
        expected_version=1,
    )
    assert isinstance(outcome, Applied)
    here = next(one for one in outcome.published if one.environment == world.production)
    assert here.changed_keys == ("banner",)
    snapshot = queries.snapshot(world.production)
    assert snapshot is not None
    assert snapshot.flags["banner"].variations["a"] == {"wide": True}
    assert '"wide": true' in json.dumps(snapshot.flags["banner"].to_json())


def test_a_condition_on_true_in_place_of_one_is_a_change(world: World):
    make_flag(world.max.at(), on=True)
    ones = make_rule(when=(Clause("plan", "in", (1,)),))
    submit(world.max.at(), "quote-form", AddRule(ones))
    outcome = submit(
        world.max.at(),
        "quote-form",
        ReplaceRule(make_rule(when=(Clause("plan", "in", (True,)),))),
    )
    assert isinstance(outcome, Applied)
    assert outcome.published[0].changed_keys == ("quote-form",)


@pytest.mark.django_db(transaction=True)
def test_a_change_stands_even_when_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch):
    world = make_world()
    make_flag(world.max.at(), on=True)

    def unreachable(_message: object) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(announcements, "_send", unreachable)
    outcome = submit(world.max.at(), "quote-form", TurnOff())
    assert isinstance(outcome, Applied)
    assert Snapshot.objects.within(world.production).latest("version").version == 3


@pytest.mark.parametrize("value", ["\ud800", "\0", float("nan")], ids=ascii)
def test_what_cannot_be_kept_is_refused_with_its_place(world: World, value: object):
    make_flag(world.max.at(), on=True)
    rule = make_rule(when=(Clause("plan", "in", (value,)),))
    with pytest.raises(InvalidEdit) as refusal:
        submit(world.max.at(), "quote-form", AddRule(rule))
    assert refusal.value.where == "quote-form.add_rule"
    with pytest.raises(InvalidEdit):
        submit(world.max.at(), "quote-form", TurnOff(), comment="because\0")
    assert queries.flag(world.max.at(), "quote-form").version == 1


def test_what_leans_on_a_changed_flag_is_proved_with_it(world: World):
    """A publication proves only what changed and what is tied to it: the ties must be found."""
    access = world.max.at()
    for key in ("base", "middle", "top", "apart"):
        make_flag(access, key, variations={"on": True, "off": False, "spare": True}, on=True)
    submit(access, "middle", SetPrerequisites((Prerequisite("base", ("spare",)),)))
    submit(access, "top", SetPrerequisites((Prerequisite("middle", ("on",)),)))
    with pytest.raises(UnservableSnapshot, match="middle"):
        define(access, "base", RemoveVariation("spare"))
    with pytest.raises(UnservableSnapshot, match="middle"):
        define(access, "base", ArchiveFlag())
    with pytest.raises(UnservableSnapshot):
        submit(access, "base", SetPrerequisites((Prerequisite("top", ("on",)),)))
    assert isinstance(define(access, "apart", ArchiveFlag()), Applied)


def test_a_publication_is_what_building_everything_anew_would_give(world: World):
    access = world.max.at()
    for key in ("a", "b", "c"):
        make_flag(access, key, on=True)
    add_rule(access, "b", make_rule(rule_id="in-layer", share=10_000))
    add_rule(access, "c", make_rule(rule_id="free", share=20_000))
    layer = SetLayer("l", "L", "user", {"in-layer": [[5, 10]]})
    changes.submit(access, changes.Target(EditKind.LAYER, "l"), [layer], expected_version=0)
    submit(access, "a", TurnOff())
    layer = SetLayer("l", "L", "user", {})
    changes.submit(access, changes.Target(EditKind.LAYER, "l"), [layer], expected_version=1)
    define(access, "c", ArchiveFlag())
    served = queries.snapshot(world.production)
    assert served is not None
    assert (
        served.flags["b"].rules[0].allocation
        == make_rule(share=10_000, rule_id="in-layer").allocation
    )
    built = snapshots.build(access.environment)
    assert replace(served, epoch=0, version=0, published_at="", shrunk=False) == built


def test_a_roll_back_brings_back_only_what_was_in_force(world: World):
    """It is never reviewed, so nothing may come in by it that nobody approved."""
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), "quote-form", TurnOff())
    was = queries.flag(world.max.at("staging"), "quote-form").state
    forged = own_part(replace(was, enabled=True, fallthrough="off"))
    for state, version in ((forged, 1), (own_part(was), 1), (own_part(was), 9)):
        with pytest.raises(InvalidEdit, match="never stood"):
            submit(world.max.at(), "quote-form", RestoreState(state, version), comment="Sneaky")
    assert queries.flag(world.max.at(), "quote-form").version == 2


def test_a_batch_cannot_make_two_things_whose_keys_differ_in_case_only(world: World):
    parts = [
        changes.Part(changes.segment(key), (CreateSegment(key, key),), 0)
        for key in ("Beta", "beta")
    ]
    with pytest.raises(InvalidEdit, match="twice"):
        changes.submit_all(world.max.at(), parts)


def test_a_state_changed_together_with_its_flag_keeps_its_history_and_its_way_back(world: World):
    make_flag(world.max.at(), on=True)
    parts = [
        changes.Part(changes.definition("quote-form"), (SetTags(("x",)),), 1),
        changes.Part(changes.state("quote-form"), (TurnOff(),), 1),
    ]
    outcome = changes.submit_all(world.max.at(), parts)
    assert isinstance(outcome, Applied)
    assert queries.history(world.max.at(), "state", "quote-form")[0] == outcome.change
    assert outcome.change not in queries.history(world.max.at("staging"), "state", "quote-form")
    submit(world.max.at(), "quote-form", TurnOn())
    changes.roll_back(world.max.at(), changes.state("quote-form"), to=outcome.change, reason="back")
    assert queries.flag(world.max.at(), "quote-form").state.enabled is False


def define(access: Access, key: str, *edits: Edit) -> changes.Outcome:
    version = queries.flag_definition(access, key)[1]
    return changes.submit(access, changes.definition(key), edits, expected_version=version)
