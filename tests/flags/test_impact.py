"""What a change would do: shares as counted by hand, everything the edits reach, nobody else's data."""

import random
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from accounts.access import Access
from accounts.models import AuditEntry, Environment
from flags import changes, contexts, impact, queries, snapshots
from flags.contexts import Sealer
from flags.disguise import Leaning
from flags.drafting import Part
from flags.edits import (
    AddRule,
    ArchiveFlag,
    AssignUnits,
    ChangeVariation,
    Edit,
    SetFallthrough,
    SetPrerequisites,
    SetRollout,
    SetSegment,
    TurnOff,
    TurnOn,
)
from flags.impact import Decider, PlaceImpact
from flags.models import Change, ContextSample, Snapshot
from tests.experiments.factories import a_plan, make_metrics
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Allocation, Clause, Prerequisite, Split, compile_snapshot
from wayfork.samples import unit_hash

pytestmark = pytest.mark.django_db

COUNTRIES = ("DE", "FR", "NL", "PL")


@pytest.fixture
def world() -> World:
    world = make_world()
    make_flag(world.max.at(), on=True, fallthrough="off")
    return world


def sampled(environment: Environment, number: int = 400) -> list[dict[str, Any]]:
    """So many contexts as an SDK sends them; returns them as the application has them."""
    chance = random.Random(7)  # noqa: S311 - a fixed choice
    found = []
    now = timezone.now()
    for index in range(number):
        context = {"userId": f"u-{index}", "country": chance.choice(COUNTRIES), "age": index % 80}
        found.append(context)
        hashed = unit_hash(environment.project.key, environment.key, f"u-{index}")
        plain = {name: value for name, value in context.items() if name != "userId"}
        ContextSample.objects.create(
            environment=environment,
            slot=index,
            attributes={**plain, "userId": contexts.sealed(hashed)},
            seen_at=now,
        )
    return found


def part(access: Access, key: str, *edits: Edit) -> Part:
    return Part(changes.state(key), edits, queries.flag(access, key).version)


def tried(access: Access, *parts: Part) -> PlaceImpact:
    [place] = impact.forecast(access, parts).places
    return place


def told(place: PlaceImpact) -> dict[tuple[str, str | None, str | None], int]:
    found: Counter[tuple[str, str | None, str | None]] = Counter()
    for one in place.transitions:
        found[one.flag, one.before, one.after] += one.contexts
    return dict(found)


def test_shares_are_those_of_asking_every_context_before_and_after(world: World):
    access = world.max.at()
    known = sampled(world.production)
    rule = make_rule()
    place = tried(access, part(access, "quote-form", AddRule(rule)))
    germans = sum(context["country"] == "DE" for context in known)
    assert (place.contexts, place.tried, place.changed) == (400, 400, germans)
    assert place.share == germans / 400
    [transition] = place.transitions
    assert (transition.before, transition.after, transition.contexts) == ("off", "on", germans)
    assert transition.was == Decider("everyone")
    assert transition.by == Decider("rule", "Germany first")
    assert (place.errors, place.experiments, place.unseen, place.hidden) == (0, (), (), ())


def test_the_sealed_contexts_answer_as_brute_force_over_them_does(world: World):
    """The same edits applied for good, and every stored context asked by the engine itself."""
    access = world.max.at()
    add_rule(access, "quote-form", make_rule(share=30_000))
    sampled(world.production)
    edits = (
        SetRollout("r1", 60_000),
        AddRule(make_rule(rule_id="r2", when=(Clause("age", "gt", (60,)),), share=50_000)),
        SetFallthrough(Split("user", "s", (("on", 10_000), ("off", 90_000)))),
    )
    place = tried(access, part(access, "quote-form", *edits))
    before = compile_snapshot(snapshots.build(world.production))
    submit(access, "quote-form", *edits)
    after = compile_snapshot(snapshots.build(world.production))
    counted: Counter[tuple[str, str | None, str | None]] = Counter()
    for context in contexts.recent(world.production, timezone.now()):
        was = before.evaluate("quote-form", None, context)
        by = after.evaluate("quote-form", None, context)
        if was.variation != by.variation:
            counted["quote-form", was.variation, by.variation] += 1
    assert told(place) == dict(counted)
    assert place.changed == sum(counted.values()) > 50


def test_a_rollout_moves_about_its_share_though_ids_are_hashes(world: World):
    access = world.max.at()
    rule = make_rule(when=(), allocation=Allocation("user", "salt", ((0, 25_000),)))
    sampled(world.production, 2_000)
    place = tried(access, part(access, "quote-form", AddRule(rule)))
    assert 0.22 < place.share < 0.28


def test_lists_of_ids_are_found_by_their_hashes(world: World):
    access = world.max.at()
    make_segment(access, included=("u-1", "u-2", "u-3", "nobody"), excluded=("u-3",))
    sampled(world.production)
    member = make_rule(when=(Clause(None, "in_segment", ("beta",)),))
    named = make_rule(rule_id="r2", when=(Clause("userId", "in", ("u-4", "u-5")),))
    place = tried(
        access,
        part(
            access,
            "quote-form",
            AddRule(member),
            AddRule(named),
            AssignUnits("user", "on", ("u-6", "u-1")),
        ),
    )
    assert place.changed == 5
    by = {one.by: one.contexts for one in place.transitions}
    assert by == {Decider("assignment"): 2, Decider("rule", "Germany first"): 3}


def test_a_segment_is_tried_on_every_flag_that_leans_on_it_in_every_environment(world: World):
    access = world.max.at()
    make_segment(access, included=())
    for flag in ("first", "second"):
        make_flag(access, flag, on=True, fallthrough="off")
        member = make_rule(when=(Clause(None, "in_segment", ("beta",)),))
        add_rule(access, flag, member)
    sampled(world.production)
    french = ((Clause("country", "in", ("FR",)),),)
    edit = SetSegment("user", (), (), french)
    found = impact.forecast(access, [Part(changes.segment("beta"), (edit,), 1)])
    assert [place.environment.key for place in found.places] == [
        "development",
        "staging",
        "production",
    ]
    production = found.places[2]
    assert production.flags == ("first", "second")
    count = production.changed
    assert told(production) == {("first", "off", "on"): count, ("second", "off", "on"): count}
    assert count > 50
    assert found.places[0].contexts == 0


def test_asking_only_who_moves_between_segments_misses_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """As if every flag were asked with every context: nested, negated, required, edited as well."""
    access = world.max.at()
    make_segment(access, included=("u-1", "u-2", "u-50"))
    make_segment(access, "outer", included=("u-3",))
    nested = ((Clause(None, "in_segment", ("beta",)), Clause("age", "lt", (60,))),)
    edit = SetSegment("user", ("u-3",), (), nested)
    changes.submit(access, changes.segment("outer"), [edit], expected_version=1)
    within = [
        Clause(None, "in_segment", ("beta",)),
        Clause(None, "in_segment", ("outer",)),
        Clause(None, "in_segment", ("outer",), negate=True),
    ]
    for number, clause in enumerate(within):
        make_flag(access, f"flag-{number}", on=True, fallthrough="off")
        add_rule(access, f"flag-{number}", make_rule(when=(clause,), share=60_000))
    make_flag(access, "child", on=True)
    submit(access, "child", SetPrerequisites((Prerequisite("flag-1", ("on",)),)))
    sampled(world.production)
    chosen = ((Clause("country", "in", ("FR",)),), (Clause("age", "gt", (70,)),))
    parts = [
        Part(changes.segment("beta"), (SetSegment("user", ("u-2", "u-9"), ("u-50",), chosen),), 1),
        part(access, "flag-0", SetFallthrough("on")),
    ]
    for given in (parts[:1], parts):
        quick = impact.forecast(access, given).places[2]
        monkeypatch.setattr(impact, "leaning", lambda *_all: Leaning())
        assert impact.forecast(access, given).places[2] == quick
        monkeypatch.undo()
        assert {"flag-0", "flag-1", "flag-2", "child"} <= {one.flag for one in quick.transitions}


def test_flags_that_require_the_edited_one_are_tried_too(world: World):
    access = world.max.at()
    make_flag(access, "child", on=True)
    submit(access, "child", SetPrerequisites((Prerequisite("quote-form", ("off",)),)))
    sampled(world.production, 50)
    place = tried(access, part(access, "quote-form", SetFallthrough("on")))
    assert told(place) == {("quote-form", "off", "on"): 50, ("child", "on", "off"): 50}
    assert place.changed == 50
    assert {one.by for one in place.transitions} == {Decider("everyone"), Decider("requirement")}


def test_definitions_are_tried_too(world: World):
    access = world.max.at()
    sampled(world.production, 50)
    target = changes.definition("quote-form")
    renamed = impact.forecast(access, [Part(target, (ChangeVariation("off", value=False),), 1)])
    assert renamed.changed == 0
    gone = impact.forecast(access, [Part(target, (ArchiveFlag(),), 1)]).places[2]
    assert told(gone) == {("quote-form", "off", None): 50}


def test_a_value_that_changes_under_its_name_is_a_change(world: World):
    access = world.max.at()
    texts = {"a": "Hello", "b": "Hi"}
    make_flag(access, "title", on=True, type="string", variations=texts, off="b", fallthrough="a")
    sampled(world.production, 50)
    edit = ChangeVariation("a", "Good day")
    found = impact.forecast(access, [Part(changes.definition("title"), (edit,), 1)])
    assert told(found.places[2]) == {("title", "a", "a"): 50}


def test_running_experiments_that_are_disturbed_are_named(world: World):
    access = world.max.at()
    make_metrics(access)
    make_flag(access, "banner", on=True)
    running(access, "headline", "banner")
    sampled(world.production, 200)
    place = tried(access, part(access, "banner", TurnOff()))
    [moved] = place.experiments
    assert (moved.experiment, moved.flag, moved.contexts) == ("headline", "banner", 200)
    only_first = make_rule(rule_id="first", when=(Clause("country", "in", ("DE",)),))
    some = tried(access, part(access, "banner", AddRule(only_first, position=0)))
    assert 0 < some.experiments[0].contexts < 200


def running(access: Access, key: str, flag: str) -> None:
    from experiments import lifecycle  # noqa: PLC0415 - flags know nothing of experiments

    lifecycle.create(access, key, a_plan(flag_key=flag))
    lifecycle.start(access, key)


def test_trying_writes_nothing(world: World):
    access = world.max.at()
    sampled(world.production, 20)
    tables = (Change, AuditEntry, Snapshot)
    before = [table.across_tenants.count() for table in tables]
    version = queries.flag(access, "quote-form").version
    tried(access, part(access, "quote-form", TurnOff(), TurnOn(), AddRule(make_rule())))
    assert [table.across_tenants.count() for table in tables] == before
    assert queries.flag(access, "quote-form").version == version


def test_without_samples_it_says_so_and_not_that_nobody_is_affected(world: World):
    access = world.max.at()
    place = tried(access, part(access, "quote-form", TurnOff()))
    assert (place.contexts, place.tried, place.changed) == (0, 0, 0)
    assert place.keeps_none is False
    world.production.keeps_contexts = False
    world.production.save()
    assert tried(world.max.at(), part(access, "quote-form", TurnOff())).keeps_none is True


def test_what_no_sample_can_tell_is_named(world: World):
    access = world.max.at()
    sampled(world.production, 20)
    unseen = make_rule(when=(Clause("plan", "in", ("pro",)),))
    hidden = make_rule(rule_id="r2", when=(Clause("userId", "starts_with", ("u-",)),))
    place = tried(access, part(access, "quote-form", AddRule(unseen), AddRule(hidden)))
    assert (place.unseen, place.hidden) == (("plan",), ("userId",))


def test_samples_of_other_environments_and_tenants_are_never_used(world: World):
    access = world.max.at()
    others = Environment.across_tenants.exclude(pk=world.production.pk)
    for environment in others.select_related("project"):
        sampled(environment, 10)
    assert others.filter(project__organization__key="stranger").exists()
    assert tried(access, part(access, "quote-form", TurnOff())).contexts == 0
    sampled(world.production, 3)
    assert tried(access, part(access, "quote-form", TurnOff())).contexts == 3


def test_with_very_many_flags_fewer_contexts_are_tried_and_it_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    access = world.max.at()
    sampled(world.production, 300)
    monkeypatch.setattr(impact, "MOST_EVALUATIONS", 250)
    place = tried(access, part(access, "quote-form", TurnOn(), SetFallthrough("on")))
    assert (place.contexts, place.tried, place.changed) == (300, 250, 250)


def test_a_stale_version_is_refused_as_the_submit_would_be(world: World):
    access = world.max.at()
    with pytest.raises(changes.StaleVersion):
        impact.forecast(access, [Part(changes.state("quote-form"), (TurnOff(),), 77)])


def test_a_sealer_gives_one_id_one_text(world: World):
    sealer = Sealer(world.production)
    assert sealer.seal_all(["a", "b", "a"]) == (
        sealer.seal("a"),
        sealer.seal("b"),
        sealer.seal("a"),
    )
