"""Experiments with a past: made through the verbs, filled with what visitors did."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import time_machine

from accounts.access import Access
from experiments import lifecycle, queries
from experiments.design import MetricRole
from experiments.lifecycle import ArmPlan, Plan
from experiments.models import Experiment
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan
from metrics.models import Event, Exposure
from tests.world.factories import make_flag

FLAG = "quote-form"
KEY = "shorter-form"
STARTED = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ENDED = STARTED + timedelta(days=15)


def make_metrics(access: Access) -> None:
    """A proportion, a sum in euros and a duration over SDK events."""
    for key, name in (("submitted", "form submitted"), ("purchase", "purchase"), ("time", "time")):
        definitions.define_fact(access, key, FactPlan(name.capitalize(), event_name=name))
    for key, plan in (
        ("submit-rate", MetricPlan("Form submitted", "proportion", "submitted")),
        ("revenue", MetricPlan("Revenue", "sum", "purchase", unit="EUR")),
        ("minutes", MetricPlan("Time on page", "duration", "time", "down", unit="minutes")),
    ):
        definitions.define_metric(access, key, plan)


def a_plan(**fields: Any) -> Plan:
    """Two even arms on a boolean flag, one metric in each role."""
    plan = Plan(
        name="Shorter form",
        hypothesis="If we ask for less, then more people send the form, because it is quicker.",
        flag_key=FLAG,
        arms=(ArmPlan("off", 50_000, is_control=True), ArmPlan("on", 50_000)),
        metrics=(
            ("submit-rate", MetricRole.PRIMARY),
            ("revenue", MetricRole.SECONDARY),
            ("minutes", MetricRole.GUARDRAIL),
        ),
    )
    return replace(plan, **fields)


def make_draft(access: Access, key: str = KEY, **fields: Any) -> Experiment:
    """A draft on a flag that is on, with its metrics."""
    make_flag(access, FLAG, on=True)
    make_metrics(access)
    return lifecycle.create(access, key, a_plan(**fields))


def make_running(access: Access, key: str = KEY, **fields: Any) -> Experiment:
    """An experiment that was started at STARTED."""
    make_draft(access, key, **fields)
    with time_machine.travel(STARTED, tick=False):
        lifecycle.start(access, key)
    return queries.experiment(access, key)


def visit(
    access: Access,
    arm: str,
    units: int,
    *,
    submitted: int = 0,
    key: str = KEY,
    start: datetime = STARTED,
) -> None:
    """So many people met an arm, one a minute; the first of them sent the form a minute later."""
    met = [(f"{arm}-{number}", start + timedelta(minutes=number)) for number in range(units)]
    Exposure.objects.bulk_create(
        Exposure(
            environment=access.environment,
            event_id=uuid4(),
            experiment=key,
            variation=arm,
            unit_type="user",
            unit_id=unit,
            at=at,
            flag=FLAG,
            version=1,
        )
        for unit, at in met
    )
    happen(
        access,
        "form submitted",
        [(u, at + timedelta(minutes=1), None) for u, at in met[:submitted]],
    )


def happen(access: Access, name: str, done: Sequence[tuple[str, datetime, float | None]]) -> None:
    """Events of units, with their values."""
    Event.objects.bulk_create(
        Event(
            environment=access.environment,
            event_id=uuid4(),
            name=name,
            unit_type="user",
            unit_id=unit,
            at=at,
            value=value,
        )
        for unit, at, value in done
    )


def a_clear_winner(access: Access) -> None:
    """400 people in each arm; twice as many of the second send the form."""
    visit(access, "off", 400, submitted=60)
    visit(access, "on", 400, submitted=120)
