"""A client for your tests: flags you set, exposures and events you can look at, no network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from wayfork.client import Client
from wayfork.client.options import Bootstrap
from wayfork.client.reading import Context, Read
from wayfork.engine import (
    SCHEMA,
    STEPS,
    Evaluation,
    FlagState,
    Rule,
    Snapshot,
    Split,
    Unit,
    compile_snapshot,
)

T = TypeVar("T")

# Inside the class this name is its method.
Boolean = bool

EMPTY: Final = Snapshot(
    schema=SCHEMA,
    project="test",
    environment="test",
    epoch=1,
    version=0,
    published_at="",
    units=(
        Unit("user", ("userId", "targetingKey")),
        Unit("device", ("stableId",)),
        Unit("organization", ("organizationId",)),
    ),
    flags={},
    segments={},
    holdouts={},
)


class UndeclaredFlag(AssertionError):
    """Strict tests asked for a flag nobody declared."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """A unit met an arm of an experiment."""

    experiment: str
    arm: str
    unit_type: str
    unit_id: str
    flag: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """An event was reported."""

    event: str
    units: Mapping[str, str]
    value: float | None
    properties: Mapping[str, Any]


class TestClient(Client):
    """Behaves as a client whose server sent exactly the flags declared here.

    `TestClient({"checkout-v2": True})` declares values; `bootstrap` takes a real snapshot instead or
    besides. With `strict=True`, asking for anything else raises UndeclaredFlag, so that a misspelled
    key fails the test and not the customer.
    """

    __test__ = False  # the name begins with "Test", but it is no test case

    def __init__(
        self,
        values: Mapping[str, object] | None = None,
        *,
        strict: Boolean = False,
        bootstrap: Bootstrap | None = None,
    ) -> None:
        self._strict = strict
        self._exposed: list[Exposure] = []
        self._events: list[Tracked] = []
        self._declared: dict[str, FlagState] = {}
        super().__init__(None, offline=True, bootstrap=bootstrap)
        self._start_from = self._truth.compiled
        self.set(values or {})

    # Declaring

    def set(self, values: Mapping[str, object]) -> None:
        """Declare flags that answer these values to everybody."""
        for key, value in values.items():
            self._declared[key] = FlagState(
                _type_of(value),
                enabled=True,
                variations={"declared": value},
                off="declared",
                fallthrough="declared",
            )
        self._publish()

    def assign(self, key: str, *, experiment: str, arm: str, value: object) -> None:
        """Declare a flag whose experiment gives every user this arm."""
        everybody = Split("user", f"{experiment}-test", ((arm, STEPS),))
        rule = Rule(f"{experiment}-rule", experiment, (), everybody, experiment=experiment)
        self._declared[key] = FlagState(
            _type_of(value),
            enabled=True,
            variations={arm: value},
            off=arm,
            fallthrough=arm,
            rules=(rule,),
        )
        self._publish()

    def clear(self) -> None:
        """Forget exposures and events, not the flags."""
        self._exposed.clear()
        self._events.clear()
        self._crew.exposures.forget()

    # Looking

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Who met which arm, in order, each once."""
        return tuple(self._exposed)

    @property
    def events(self) -> tuple[Tracked, ...]:
        """What was tracked, in order."""
        return tuple(self._events)

    def assert_exposed(
        self, experiment: str, arm: str | None = None, unit: str | None = None
    ) -> None:
        """Fail unless somebody (this unit) met the experiment (this arm of it)."""
        for met in self._exposed:
            if (
                met.experiment == experiment
                and arm in {None, met.arm}
                and unit in {None, met.unit_id}
            ):
                return
        wanted = " ".join(part for part in (experiment, arm, unit) if part)
        raise AssertionError(f"nobody was exposed to {wanted}; exposed were: {self._exposed}")

    def assert_not_exposed(self, experiment: str) -> None:
        """Fail if anybody met the experiment."""
        met = [exposure for exposure in self._exposed if exposure.experiment == experiment]
        if met:
            raise AssertionError(f"exposed to {experiment}: {met}")

    def assert_tracked(self, event: str, **properties: Any) -> None:
        """Fail unless the event was tracked with (at least) these properties."""
        for told in self._events:
            if told.event == event and properties.items() <= told.properties.items():
                return
        raise AssertionError(f"{event} {properties} was not tracked; tracked were: {self._events}")

    # Standing in for the server

    @property
    def _records(self) -> Boolean:
        return True

    def _add(self, item: dict[str, Any]) -> None:
        if item["kind"] == "exposure":
            self._exposed.append(
                Exposure(
                    item["experiment"],
                    item["variation"],
                    item["unitType"],
                    item["unitId"],
                    item["flag"],
                )
            )
        else:
            properties = item["properties"]
            self._events.append(Tracked(item["event"], item["units"], item["value"], properties))

    def _install(self, read: Read) -> None:
        def read_declared(key: str, default: T, context: Context, wanted: str | None) -> T:
            self._check_declared(key)
            return read(key, default, context, wanted)

        super()._install(read_declared if self._strict else read)

    def _evaluation(
        self, key: str, default: object, context: Context, wanted: str | None
    ) -> Evaluation:
        self._check_declared(key)
        return super()._evaluation(key, default, context, wanted)

    def _check_declared(self, key: str) -> None:
        compiled = self._truth.compiled
        if self._strict and (compiled is None or key not in compiled.snapshot.flags):
            raise UndeclaredFlag(f"the test declares no flag {key!r}")

    def _publish(self) -> None:
        given, now = self._start_from, self._truth.compiled
        base = given.snapshot if given else EMPTY
        flags = {**base.flags, **self._declared}
        version = now.version + 1 if now else 1
        self._truth.adopt(compile_snapshot(replace(base, version=version, flags=flags)))


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "float"
        case _:
            return "json"
