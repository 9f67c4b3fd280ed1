"""Any sequence of changes: what is served follows a plain model, and every trace agrees with it."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import audit
from accounts.errors import AlreadyExists, DomainError, NotPermitted
from flags import changes, queries
from flags.changes import Applied, Outcome, StaleVersion, Unchanged
from flags.edits import (
    AddRule,
    ArchiveFlag,
    ArchiveSegment,
    AssignUnits,
    CreateFlag,
    DescribeFlag,
    Edit,
    MoveRule,
    RemoveRule,
    RestoreFlag,
    SetFallthrough,
    SetOff,
    SetSegment,
    TurnOff,
    TurnOn,
    UnassignUnits,
)
from flags.models import Change, Snapshot
from flags.snapshots import UnservableSnapshot
from tests.world.cast import World
from tests.world.factories import make_rule, make_segment
from tests.world.ground import tries
from wayfork.engine import Clause, compile_snapshot, parse_snapshot, verify_checksum

ENVIRONMENTS = ("production", "staging")
KEYS = ("a", "b", "c")
UNITS = ("u-1", "u-2", "u-3")
VARIATIONS = ("on", "off", "maybe")


@dataclass
class Here:
    """What one environment should serve of one flag, kept by hand."""

    enabled: bool = False
    off: str = "off"
    fallthrough: str = "on"
    assigned: dict[str, str] = field(default_factory=dict)
    rules: list[tuple[str, str, str]] = field(default_factory=list)
    version: int = 0

    def answer(self, unit: str, country: str, beta: set[str]) -> str:
        """The variation this context gets, by the order every flag is decided in."""
        if not self.enabled:
            return self.off
        if unit in self.assigned:
            return self.assigned[unit]
        for _, wanted, serve in self.rules:
            if (unit in beta) if wanted == "beta" else (country == wanted):
                return serve
        return self.fallthrough

    def copy(self) -> dict[str, Any]:
        """What a roll back brings back."""
        return {
            "enabled": self.enabled,
            "off": self.off,
            "fallthrough": self.fallthrough,
            "assigned": dict(self.assigned),
            "rules": list(self.rules),
        }


@dataclass
class Flag:
    """A flag of the model."""

    states: dict[str, Here] = field(default_factory=lambda: {key: Here() for key in ENVIRONMENTS})
    version: int = 1
    archived: bool = False


def has_flags(machine: Any) -> bool:
    """Some flag was made."""
    return bool(machine.flags)


def has_living(machine: Any) -> bool:
    """Some flag is not archived."""
    return bool(machine.living())


def has_rules(machine: Any) -> bool:
    """Some flag has a rule."""
    return bool(machine.with_rules())


class Changes(RuleBasedStateMachine):
    """People changing flags, and a dictionary that knows what must come of it."""

    world: World
    applied = Bundle("applied")

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        self.flags: dict[str, Flag] = {}
        self.beta: set[str] = set()
        self.segment_version = 0
        self.segments: list[tuple[Change, set[str]]] = []
        self.lines = len(self.world.ledger())
        self.changes = 0
        self.rules_made = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.sandbox.__exit__(None, None, None)

    # --- what people do

    def at(self, environment: str = "production", who: str = "max") -> Any:
        return getattr(self.world, who).at(environment)

    def done(self, outcome: Outcome) -> Change | None:
        """Count what an outcome says that it wrote."""
        if isinstance(outcome, Applied):
            self.lines += 1
            self.changes += 1
            return outcome.change
        assert isinstance(outcome, Unchanged)
        return None

    def edit(self, key: str, environment: str, *edits: Edit) -> Change | None:
        here = self.flags[key].states[environment]
        change = self.done(
            changes.submit(
                self.at(environment),
                changes.state(key),
                edits,
                expected_version=here.version,
            )
        )
        if change is not None:
            here.version += 1
        return change

    def define(self, key: str, edit: Edit) -> None:
        flag = self.flags[key]
        outcome = changes.submit(
            self.at(), changes.definition(key), [edit], expected_version=flag.version
        )
        if self.done(outcome) is not None:
            flag.version += 1

    def living(self) -> list[str]:
        return [key for key, flag in self.flags.items() if not flag.archived]

    @rule(key=st.sampled_from(KEYS))
    def create(self, key: str) -> None:
        edit = CreateFlag(key, key, "string", {name: name for name in VARIATIONS}, "off", "on")

        def make() -> Outcome:
            return changes.submit(self.at(), changes.definition(key), [edit], expected_version=0)

        if key in self.flags:
            with pytest.raises(AlreadyExists):
                make()
            return
        self.done(make())
        self.flags[key] = Flag()

    @precondition(has_living)
    @rule(data=st.data(), environment=st.sampled_from(ENVIRONMENTS), on=st.booleans())
    def turn(self, data: st.DataObject, environment: str, *, on: bool) -> None:
        key = data.draw(st.sampled_from(self.living()))
        self.edit(key, environment, TurnOn() if on else TurnOff())
        self.flags[key].states[environment].enabled = on

    @precondition(has_living)
    @rule(
        target=applied,
        data=st.data(),
        environment=st.sampled_from(ENVIRONMENTS),
        variation=st.sampled_from(VARIATIONS),
        off=st.booleans(),
    )
    def serve(self, data: st.DataObject, environment: str, variation: str, *, off: bool) -> Any:
        key = data.draw(st.sampled_from(self.living()))
        here = self.flags[key].states[environment]
        change = self.edit(
            key, environment, SetOff(variation) if off else SetFallthrough(variation)
        )
        if off:
            here.off = variation
        else:
            here.fallthrough = variation
        return (key, environment, change, here.copy())

    @precondition(has_living)
    @rule(
        target=applied,
        data=st.data(),
        environment=st.sampled_from(ENVIRONMENTS),
        wanted=st.sampled_from(("DE", "FR", "beta")),
        variation=st.sampled_from(VARIATIONS),
        position=st.none() | st.integers(0, 3),
    )
    def add_rule(
        self,
        data: st.DataObject,
        environment: str,
        wanted: str,
        variation: str,
        position: int | None,
    ) -> Any:
        key = data.draw(st.sampled_from(self.living()))
        here = self.flags[key].states[environment]
        self.rules_made += 1
        made = f"r{self.rules_made}"
        clause = (
            Clause(None, "in_segment", ("beta",))
            if wanted == "beta"
            else Clause("country", "in", (wanted,))
        )
        new = AddRule(make_rule(variation, rule_id=made, when=(clause,)), position)
        if wanted == "beta" and not self.segment_version:
            with pytest.raises(UnservableSnapshot):
                self.edit(key, environment, new)
            return (key, environment, None, here.copy())
        change = self.edit(key, environment, new)
        at = len(here.rules) if position is None else position
        here.rules.insert(at, (made, wanted, variation))
        return (key, environment, change, here.copy())

    @precondition(has_rules)
    @rule(data=st.data(), position=st.none() | st.integers(0, 3))
    def move_or_remove_a_rule(self, data: st.DataObject, position: int | None) -> None:
        key, environment = data.draw(st.sampled_from(self.with_rules()))
        rules = self.flags[key].states[environment].rules
        chosen = data.draw(st.sampled_from(rules))
        if position is None:
            self.edit(key, environment, RemoveRule(chosen[0]))
            rules.remove(chosen)
        else:
            self.edit(key, environment, MoveRule(chosen[0], position))
            rules.remove(chosen)
            rules.insert(position, chosen)

    def with_rules(self) -> list[tuple[str, str]]:
        return [
            (key, environment)
            for key in self.living()
            for environment in ENVIRONMENTS
            if self.flags[key].states[environment].rules
        ]

    @precondition(has_living)
    @rule(
        data=st.data(),
        environment=st.sampled_from(ENVIRONMENTS),
        variation=st.none() | st.sampled_from(VARIATIONS),
        units=st.lists(st.sampled_from(UNITS), min_size=1, unique=True),
    )
    def assign(
        self, data: st.DataObject, environment: str, variation: str | None, units: list[str]
    ) -> None:
        key = data.draw(st.sampled_from(self.living()))
        assigned = self.flags[key].states[environment].assigned
        if variation is None:
            self.edit(key, environment, UnassignUnits("user", tuple(units)))
            for unit in units:
                assigned.pop(unit, None)
        else:
            self.edit(key, environment, AssignUnits("user", variation, tuple(units)))
            assigned.update(dict.fromkeys(units, variation))

    @rule(units=st.sets(st.sampled_from(UNITS)))
    def put_into_the_segment(self, units: set[str]) -> None:
        included = tuple(sorted(units))
        if self.segment_version:
            outcome = changes.submit(
                self.at(),
                changes.segment("beta"),
                [SetSegment("user", included, (), ())],
                expected_version=self.segment_version,
            )
            self.segment_version += self.done(outcome) is not None
        else:
            make_segment(self.at(), included=included)
            self.lines, self.changes, self.segment_version = self.lines + 1, self.changes + 1, 1
        self.beta = set(units)
        newest = queries.history(self.at(), "segment", "beta")[0]
        self.segments.append((newest, set(units)))

    @precondition(lambda self: bool(self.segments))
    @rule(data=st.data())
    def roll_the_segment_back(self, data: st.DataObject) -> None:
        change, units = data.draw(st.sampled_from(self.segments))
        outcome = changes.roll_back(
            self.at(), changes.segment("beta"), to=change, reason="it was better"
        )
        self.segment_version += self.done(outcome) is not None
        assert queries.segment(self.at(), "beta").version == self.segment_version
        self.beta = set(units)

    @precondition(has_flags)
    @rule(data=st.data())
    def archive_or_bring_back(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.flags)))
        flag = self.flags[key]
        self.define(key, RestoreFlag() if flag.archived else ArchiveFlag())
        flag.archived = not flag.archived

    @precondition(has_living)
    @rule(data=st.data(), words=st.text("abc ", max_size=3))
    def describe(self, data: st.DataObject, words: str) -> None:
        key = data.draw(st.sampled_from(self.living()))
        before = self.served_versions()
        self.define(key, DescribeFlag(key, words))
        assert self.served_versions() == before, "a description is not served"

    @rule(earlier=applied)
    def roll_back(self, earlier: tuple[str, str, Any, dict[str, Any]]) -> None:
        key, environment, change, wanted = earlier
        if change is None or self.flags[key].archived:
            return
        uses_segment = any(asked == "beta" for _, asked, _ in wanted["rules"])
        assert self.segment_version or not uses_segment
        here = self.flags[key].states[environment]
        outcome = changes.roll_back(
            self.at(environment), changes.state(key), to=change, reason="it was better"
        )
        if self.done(outcome) is not None:
            here.version += 1
        for name, value in wanted.items():
            setattr(here, name, type(value)(value))

    # --- what must fail, and then leave nothing behind

    @precondition(has_living)
    @rule(data=st.data(), kind=st.sampled_from(("stale", "viewer", "dangling", "segment", "twins")))
    def fail(self, data: st.DataObject, kind: str) -> None:
        key = data.draw(st.sampled_from(self.living()))
        environment = data.draw(st.sampled_from(ENVIRONMENTS))
        here = self.flags[key].states[environment]
        turning = TurnOff() if here.enabled else TurnOn()
        refusal: type[DomainError] = UnservableSnapshot
        who, target, version = "max", changes.state(key), here.version
        edit: Edit = turning
        if kind == "stale":
            refusal, version = StaleVersion, here.version + 1
        elif kind == "viewer":
            refusal, who = NotPermitted, "vera"
        elif kind == "dangling":
            edit = SetFallthrough("purple")
        elif kind == "segment":
            if not self.is_segment_in_use():
                return
            target, edit, version = changes.segment("beta"), ArchiveSegment(), self.segment_version
        parts = [changes.Part(target, (edit,), version)]
        if kind == "twins":
            # One good part and one bad: neither may land.
            bad = changes.Part(changes.definition("nobody"), (ArchiveFlag(),), 0)
            refusal, parts = DomainError, [*parts, bad]
        with pytest.raises(refusal):
            changes.submit_all(self.at(environment, who), parts)

    def is_segment_in_use(self) -> bool:
        return any(
            asked == "beta"
            for key in self.living()
            for here in self.flags[key].states.values()
            for _, asked, _ in here.rules
        )

    # --- what is true after each step

    def served_versions(self) -> list[int]:
        return [queries.head_version(getattr(self.world, key))[1] for key in ENVIRONMENTS]

    @invariant()
    def what_is_served_is_what_the_model_says(self) -> None:
        for environment in ENVIRONMENTS:
            snapshot = queries.snapshot(getattr(self.world, environment))
            if snapshot is None:
                assert not self.flags
                continue
            assert sorted(snapshot.flags) == sorted(self.living())
            compiled = compile_snapshot(snapshot)
            for key in self.living():
                here = self.flags[key].states[environment]
                for unit in UNITS:
                    for country in ("DE", "FR", "IT"):
                        found = compiled.evaluate(key, None, {"userId": unit, "country": country})
                        assert found.variation == here.answer(unit, country, self.beta), (
                            f"{key} in {environment} for {unit} from {country}"
                        )

    @invariant()
    def versions_have_no_gaps_and_documents_are_whole(self) -> None:
        for environment in ENVIRONMENTS:
            rows = Snapshot.objects.within(getattr(self.world, environment)).order_by("version")
            found = [(row.version, bytes(row.document)) for row in rows]
            assert [version for version, _ in found] == list(range(1, len(found) + 1))
            if found:
                version, document = found[-1]
                assert verify_checksum(document)
                assert parse_snapshot(document).version == version
            contents = [parse_snapshot(document).flags for _, document in found[-2:]]
            segments = [parse_snapshot(document).segments for _, document in found[-2:]]
            for (old, new), (was, now) in zip(pairwise(contents), pairwise(segments), strict=True):
                assert old != new or was != now, "unchanged content is not a new version"

    @invariant()
    def every_change_has_one_line_and_every_failure_none(self) -> None:
        assert Change.objects.within(self.world.project).count() == self.changes
        lines = self.world.ledger()
        assert len(lines) == self.lines
        for before, after in pairwise(lines[-3:]):
            assert after.previous_hash == before.hash
            assert audit.digest(after) == after.hash

    @invariant()
    def versions_of_targets_are_those_the_model_counted(self) -> None:
        for key, flag in self.flags.items():
            assert queries.flag_definition(self.at(), key)[1] == flag.version
            for environment, here in flag.states.items():
                assert queries.flag(self.at(environment), key).version == here.version


def test_whatever_people_do_what_is_served_follows_a_plain_model(world: World):
    class OfThisWorld(Changes):
        pass

    OfThisWorld.world = world
    run_state_machine_as_test(
        OfThisWorld,
        settings=settings(
            max_examples=tries(),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
