"""Snapshots and keys for the SDK's tests."""

from dataclasses import replace

from wayfork import keys
from wayfork.engine import FlagState, Rule, Snapshot, Split, Unit, document_bytes

KEY = keys.make("srv", "production")
ANN = {"userId": "ann", "country": "DE", "plan": "pro"}
UNITS = (Unit("user", ("userId", "targetingKey")), Unit("organization", ("organizationId",)))


def flag(*, value: bool = False, **changes) -> FlagState:
    """A boolean flag that answers this to everybody."""
    on = "on" if value else "off"
    return replace(
        FlagState(
            "boolean",
            enabled=True,
            variations={"on": True, "off": False},
            off="off",
            fallthrough=on,
        ),
        **changes,
    )


def priced(experiment: str = "price-test", **changes) -> FlagState:
    """A flag whose one rule runs an experiment on everybody."""
    split = Split("user", "salt", (("low", 50_000), ("high", 50_000)))
    rule = Rule("r1", "everybody", (), split, experiment=experiment)
    state = FlagState(
        "integer",
        enabled=True,
        variations={"low": 9, "high": 12},
        off="low",
        fallthrough="low",
        rules=(rule,),
    )
    return replace(state, **changes)


def flags(*, value: bool = False) -> dict[str, FlagState]:
    """One flag of every type, one with an experiment, and some to make up a number."""
    return {
        "checkout": flag(value=value),
        "title": FlagState(
            "string", enabled=True, variations={"a": "Hello"}, off="a", fallthrough="a"
        ),
        "limit": FlagState("integer", enabled=True, variations={"a": 7}, off="a", fallthrough="a"),
        "ratio": FlagState("float", enabled=True, variations={"a": 0.5}, off="a", fallthrough="a"),
        "layout": FlagState(
            "json",
            enabled=True,
            variations={"a": {"columns": 2}},
            off="a",
            fallthrough="a",
            client_side=True,
        ),
        "price": priced(),
        **{f"other-{number}": flag() for number in range(4)},
    }


def snapshot(version: int = 1, *, value: bool = False, **changes) -> Snapshot:
    """The production environment at some version."""
    made = Snapshot(
        schema=1,
        project="shop",
        environment="production",
        epoch=1,
        version=version,
        published_at="2026-01-01T00:00:00Z",
        units=UNITS,
        flags=flags(value=value),
        segments={},
        holdouts={},
    )
    return replace(made, **changes)


def document(version: int = 1, *, value: bool = False, **changes) -> bytes:
    """The same as the bytes a server sends."""
    return document_bytes(snapshot(version, value=value, **changes))
