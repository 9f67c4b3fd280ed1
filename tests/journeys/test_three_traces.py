"""Each possible way to change a flag leaves the same: one change, one line, one snapshot each place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from experiments import decisions, lifecycle
from experiments.design import Choice, MetricRole
from experiments.lifecycle import ArmPlan, Plan
from flags import changes, queries
from flags.edits import (
    ArchiveFlag,
    CreateFlag,
    Edit,
    SetClientSide,
    SetFlagHoldout,
    SetHoldoutDefinition,
    SetLayer,
    SetSegment,
    SetUnitTypes,
    TurnOff,
)
from flags.edits.base import EDITS, EditKind
from flags.models import Change, Snapshot
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan
from tests.flags.edits.strategies import KNOWN
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

# What the ledger's lines of what SDKs are served begin with.
SERVED = ("flag.", "segment.", "holdout.", "layer.", "units.")
HERE = ("production",)
EVERYWHERE = ("development", "production", "staging")
KEY = "quote-form"


@dataclass(frozen=True)
class Way:
    """One way to change a flag, and where what is served changes by it."""

    name: str
    go: Callable[[World], Any]
    places: tuple[str, ...] = HERE
    # An experiment's own line ("started", "decided") stands beside the change's.
    own_lines: int = 0
    prepare: Callable[[World], Any] | None = None
    # Who goes it: what all of a project's experiments lean on is its admins' alone.
    who: str = "max"


def page(path: str, version: int, **form: str) -> Callable[[World], None]:
    """A form of a page."""

    def go(world: World) -> None:
        data = {"expected_version": str(version), **form}
        answer = world.max.client.post(world.url(f"flags/{KEY}/{path}"), data)
        assert answer.status_code == 303, answer.content.decode()[:2000]

    return go


def rest(
    path: str, version: int, body: dict[str, Any], method: str = "patch", who: str = "max"
) -> Callable[..., Any]:
    """A call of the REST API."""

    def go(world: World) -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {getattr(world, who).token()}")
        address = f"/api/v1/organizations/solar/projects/shop/{path}"
        send = getattr(client, method)
        answer = send(address, body, format="json", HTTP_IF_MATCH=f'"{version}"')
        assert answer.status_code in {200, 201}, answer.content

    return go


def edits(
    target: changes.Target, version: int, *given: Edit, who: str = "max"
) -> Callable[[World], Any]:
    """The door itself."""
    return lambda world: changes.submit(
        getattr(world, who).at(), target, given, expected_version=version
    )


def batch(world: World) -> None:
    """Two targets, of the project and of an environment, in one go."""
    made = CreateFlag("second", "Second", "boolean", {"on": True, "off": False}, "off", "on")
    changes.submit_all(
        world.max.at(),
        [
            changes.Part(changes.state(KEY), (TurnOff(),), 1),
            changes.Part(changes.definition("second"), (made,), 0),
        ],
    )


def first_change(world: World) -> Change:
    return queries.history(world.max.at(), "state", KEY)[-1]


def turn_off(world: World) -> None:
    submit(world.max.at(), KEY, TurnOff())


def roll_back_on_a_page(world: World) -> None:
    page(f"history/{first_change(world).pk}/roll-back", 2, reason="errors rise")(world)


def roll_back_over_rest(world: World) -> None:
    body = {"change": str(first_change(world).pk), "reason": "errors rise"}
    rest(f"environments/production/flags/{KEY}/roll-back", 2, body, "post")(world)


def definition_back_on_a_page(world: World) -> None:
    made = queries.history(world.max.at(), "definition", KEY)[-1]
    page(f"history/{made.pk}/roll-back-definition", 2, reason="it leaks")(world)


def definition_back_over_rest(world: World) -> None:
    made = queries.history(world.max.at(), "definition", KEY)[-1]
    rest(f"flags/{KEY}/roll-back", 2, {"change": str(made.pk), "reason": "it leaks"}, "post")(world)


def segment_back_on_a_page(world: World) -> None:
    made = queries.history(world.max.at(), "segment", "beta")[-1]
    address = world.url(f"segments/beta/history/{made.pk}/roll-back")
    assert world.max.client.post(address, {"reason": "wrong people"}).status_code == 303


def segment_back_over_rest(world: World) -> None:
    made = queries.history(world.max.at(), "segment", "beta")[-1]
    body = {"change": str(made.pk), "reason": "wrong people"}
    rest("segments/beta/roll-back", 2, body, "post")(world)


def show_to_browsers(world: World) -> None:
    edits(changes.definition(KEY), 1, SetClientSide(client_side=True))(world)


def use_and_change_segment(world: World) -> None:
    use_segment(world)
    edits(changes.segment("beta"), 1, SetSegment("user", ("ann",), (), ()))(world)


def plan_experiment(world: World) -> None:
    access = world.max.at()
    definitions.define_fact(access, "sent", FactPlan("Sent", event_name="sent"))
    definitions.define_metric(access, "rate", MetricPlan("Rate", "proportion", "sent"))
    lifecycle.create(
        access,
        "exp",
        Plan(
            name="Exp",
            flag_key=KEY,
            arms=(ArmPlan("off", 50_000, is_control=True), ArmPlan("on", 50_000)),
            metrics=(("rate", MetricRole.PRIMARY),),
        ),
    )


def run_experiment(world: World) -> None:
    plan_experiment(world)
    lifecycle.start(world.max.at(), "exp")


def decide(choice: Choice, arm: str = "") -> Callable[[World], Any]:
    return lambda world: decisions.decide(world.max.at(), "exp", choice, arm=arm, reason="measured")


def use_segment(world: World) -> None:
    make_segment(world.max.at())
    add_rule(world.max.at(), KEY, make_rule(when=(Clause(None, "in_segment", ("beta",)),)))


HOLDOUT = changes.Target(EditKind.HOLDOUT, "quiet")
LAYER = changes.Target(EditKind.LAYER, "checkout")
UNITS = changes.Target(EditKind.UNITS, "units")
SHARES: dict[str, object] = {"r1": [[0, 50_000]]}
READ_FROM = {"user": ["userId"], "shop": ["shopId"]}


def hold_out(share: int) -> SetHoldoutDefinition:
    return SetHoldoutDefinition("quiet", "Quiet", "user", share)


def share_out(slots: dict[str, object]) -> SetLayer:
    return SetLayer("checkout", "Checkout", "user", slots)


def make_holdout(world: World) -> None:
    edits(HOLDOUT, 0, hold_out(1_000))(world)


def share_a_rule(world: World) -> None:
    """The rule stands in production alone, so what it is given is served there alone."""
    add_rule(world.max.at(), KEY, make_rule(share=50_000))
    edits(LAYER, 0, share_out(SHARES))(world)


STATE = f"environments/production/flags/{KEY}"
WAYS = [
    Way("switch on a page", page("switch", 1, on="false")),
    Way("switch in the list", page("switch-row", 1, on="false")),
    Way("archive on a page", page("archive", 1), EVERYWHERE),
    Way("roll back on a page", roll_back_on_a_page, prepare=turn_off),
    Way("change of state over REST", rest(STATE, 1, {"edits": [{"edit": "turn_off"}]})),
    Way(
        "change of definition over REST",
        rest(f"flags/{KEY}", 1, {"edits": [{"edit": "set_client_side", "client_side": True}]}),
        EVERYWHERE,
    ),
    Way("roll back over REST", roll_back_over_rest, prepare=turn_off),
    Way(
        "roll back a definition on a page",
        definition_back_on_a_page,
        EVERYWHERE,
        prepare=show_to_browsers,
    ),
    Way(
        "roll back a definition over REST",
        definition_back_over_rest,
        EVERYWHERE,
        prepare=show_to_browsers,
    ),
    Way(
        "roll back a segment on a page",
        segment_back_on_a_page,
        EVERYWHERE,
        prepare=use_and_change_segment,
    ),
    Way(
        "roll back a segment over REST",
        segment_back_over_rest,
        EVERYWHERE,
        prepare=use_and_change_segment,
    ),
    Way("kill on a page", page("kill", 1, reason="errors rise", environment="production")),
    Way("kill over REST", rest(f"{STATE}/kill", 1, {"reason": "errors rise"}, "post")),
    Way("an edit of the state", edits(changes.state(KEY), 1, TurnOff())),
    Way("an edit of the definition", edits(changes.definition(KEY), 1, ArchiveFlag()), EVERYWHERE),
    Way(
        "an edit of a segment",
        edits(changes.segment("beta"), 1, SetSegment("user", ("ann",), (), ())),
        EVERYWHERE,
        prepare=use_segment,
    ),
    Way("a new holdout", edits(HOLDOUT, 0, hold_out(1_000)), EVERYWHERE),
    Way("a wider holdout", edits(HOLDOUT, 1, hold_out(2_000)), EVERYWHERE, prepare=make_holdout),
    Way(
        "a holdout of a flag",
        edits(changes.state(KEY), 1, SetFlagHoldout("quiet")),
        prepare=make_holdout,
    ),
    Way(
        "a layer shared out anew",
        edits(LAYER, 1, share_out({"r1": [[0, 60_000]]})),
        prepare=share_a_rule,
    ),
    Way(
        "an edit of the unit types",
        edits(UNITS, 0, SetUnitTypes(READ_FROM), who="ada"),
        EVERYWHERE,
        who="ada",
    ),
    Way(
        "unit types over REST",
        rest(
            "units",
            0,
            {"units": [{"name": name, "attributes": of} for name, of in READ_FROM.items()]},
            "put",
            who="ada",
        ),
        EVERYWHERE,
        who="ada",
    ),
    Way("a batch", batch, EVERYWHERE),
    Way(
        "the start of an experiment",
        lambda world: lifecycle.start(world.max.at(), "exp"),
        own_lines=1,
        prepare=plan_experiment,
    ),
    Way(
        "the stop of an experiment",
        lambda world: lifecycle.stop(world.max.at(), "exp", reason="broken"),
        own_lines=1,
        prepare=run_experiment,
    ),
    Way("shipping an arm", decide(Choice.SHIP, "off"), own_lines=1, prepare=run_experiment),
    Way(
        "rolling an experiment back", decide(Choice.ROLL_BACK), own_lines=1, prepare=run_experiment
    ),
    Way("iterating", decide(Choice.ITERATE), own_lines=1, prepare=run_experiment),
]


def snapshots(world: World) -> dict[str, int]:
    return {place: Snapshot.objects.within(getattr(world, place)).count() for place in EVERYWHERE}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_change_leaves_one_change_one_line_and_one_snapshot_per_place(world: World, way: Way):
    make_flag(world.max.at(), KEY, on=True)
    if way.prepare is not None:
        way.prepare(world)
    changed, lines, served = (
        Change.objects.within(world.project).count(),
        world.ledger(),
        snapshots(world),
    )
    way.go(world)
    assert Change.objects.within(world.project).count() == changed + 1
    change = Change.objects.within(world.project).latest("created_at")
    author = getattr(world, way.who).user
    assert change.author == author
    told = [line for line in world.ledger() if line.sequence > lines[-1].sequence]
    # A token of REST is a line too, written when the test makes one.
    about_flags = [line for line in told if line.action.startswith(SERVED)]
    experiments_own = [line for line in told if line.action.startswith("experiment.")]
    assert len(about_flags) == 1
    assert len(experiments_own) == way.own_lines
    after = about_flags[0].after
    assert after is not None
    assert after["change"] == str(change.pk)
    assert about_flags[0].actor == author
    now = snapshots(world)
    assert {place for place in EVERYWHERE if now[place] == served[place] + 1} == set(way.places)
    assert {place for place in EVERYWHERE if now[place] > served[place]} == set(way.places)
    for place in way.places:
        newest = Snapshot.objects.within(getattr(world, place)).latest("version")
        assert newest.change == change


def test_a_change_of_words_leaves_a_change_and_a_line_and_serves_nothing_new(world: World):
    make_flag(world.max.at(), KEY, on=True)
    served, lines = snapshots(world), len(world.ledger())
    body = {"edits": [{"edit": "describe_flag", "flag_name": "Quotes", "description": "New"}]}
    changes.submit(
        world.max.at(),
        changes.definition(KEY),
        [EDITS["describe_flag"](flag_name="Quotes")],  # type: ignore[call-arg]
        expected_version=1,
    )
    rest(f"flags/{KEY}", 2, body)(world)
    assert snapshots(world) == served
    told = [line.action for line in world.ledger()[lines:] if line.action.startswith("flag.")]
    assert told == ["flag.changed"] * 2


def test_every_kind_of_edit_goes_through_one_of_these_ways():
    # A new kind of target needs a way of its own above, or a reason here.
    assert {cls.kind for cls in KNOWN} == {
        EditKind.STATE,
        EditKind.DEFINITION,
        EditKind.SEGMENT,
        EditKind.HOLDOUT,
        EditKind.LAYER,
        EditKind.UNITS,
        EditKind.POLICY,  # serves nothing: no snapshot
        EditKind.STEWARDS,  # as a policy
    }
