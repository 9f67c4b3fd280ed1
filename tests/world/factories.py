"""Plain functions that make things through the verbs, with sensible defaults."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from accounts.access import Access
from flags import changes, queries
from flags.edits import AddRule, CreateFlag, CreateSegment, Edit, TurnOn
from flags.queries import FlagInEnvironment
from metrics.models import Event, Exposure
from wayfork.engine import Allocation, Clause, Rule


def make_flag(
    access: Access, key: str = "quote-form", *, on: bool = False, **fields: Any
) -> FlagInEnvironment:
    """A boolean flag unless told otherwise; on in the access's environment if asked."""
    edit = CreateFlag(
        **{
            "key": key,
            "flag_name": key.replace("-", " ").capitalize(),
            "type": "boolean",
            "variations": {"on": True, "off": False},
            "off": "off",
            "fallthrough": "on",
            **fields,
        }
    )
    changes.submit(access, changes.definition(key), [edit], expected_version=0)
    if on:
        submit(access, key, TurnOn())
    return queries.flag(access, key)


def submit(access: Access, key: str, *edits: Edit, comment: str = "") -> changes.Outcome:
    """Change a flag's state, at the version it has now."""
    version = queries.flag(access, key).version
    return changes.submit(
        access, changes.state(key), edits, expected_version=version, comment=comment
    )


def make_segment(access: Access, key: str = "beta", **fields: Any) -> None:
    """A segment of listed people unless told otherwise."""
    edit = CreateSegment(**{"key": key, "segment_name": key, "included": ("u-1",), **fields})
    changes.submit(access, changes.segment(key), [edit], expected_version=0)


def make_rule(
    serve: Any = "on", *, rule_id: str = "r1", share: int | None = None, **fields: Any
) -> Rule:
    """A rule for people from Germany unless told otherwise."""
    allocation = None if share is None else Allocation("user", f"{rule_id}.share", ((0, share),))
    return Rule(
        **{
            "id": rule_id,
            "name": "Germany first",
            "when": (Clause("country", "in", ("DE",)),),
            "serve": serve,
            "allocation": allocation,
            **fields,
        }
    )


def add_rule(access: Access, key: str, rule: Rule) -> changes.Outcome:
    """Append a rule."""
    return submit(access, key, AddRule(rule))


def past_exposure(access: Access, experiment: str, unit: str, arm: str, at: datetime) -> None:
    """An exposure that happened earlier; the past has no verb."""
    Exposure.objects.create(
        environment=access.environment,
        event_id=uuid4(),
        experiment=experiment,
        variation=arm,
        unit_type="user",
        unit_id=unit,
        at=at.astimezone(UTC),
        flag="quote-form",
        version=1,
    )


def past_event(
    access: Access, name: str, unit: str, at: datetime, value: float | None = None
) -> None:
    """An event that happened earlier."""
    Event.objects.create(
        environment=access.environment,
        event_id=uuid4(),
        name=name,
        unit_type="user",
        unit_id=unit,
        at=at.astimezone(UTC),
        value=value,
    )
