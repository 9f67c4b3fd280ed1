"""Aggregates of every engine against a plain-Python reading of the same rules."""

import math
import random
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from metrics.aggregates import daily_exposures, per_variation
from metrics.definitions import (
    Aggregates,
    AnalysisRequest,
    AssignmentQuery,
    FactQuery,
    MetricKind,
    MetricPlan,
    Window,
)
from metrics.warehouses.connections import Policy, Settings
from metrics.warehouses.errors import MissingColumn, UnusableValue
from metrics.warehouses.opening import connect
from tests.metrics.teams import ENGINES, TeamServer, load

START = datetime(2025, 6, 1, tzinfo=UTC)
END = datetime(2025, 6, 15, 12, tzinfo=UTC)
DAY = 86_400
ARMS = ("control", "treatment")
ASSIGNMENTS = "SELECT experiment_id, user_id, timestamp, treatment FROM assignments"
EVENTS = "SELECT user_id, timestamp, value FROM events WHERE name = '{}'"


@dataclass
class Data:
    """Exposures and events as Python has them."""

    exposures: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)


def seeded(seed: int = 5, units: int = 400) -> Data:
    """Everything at once: duplicates, crossovers, unknown arms, gaps, early and late events."""
    rng, data = random.Random(seed), Data()  # noqa: S311

    def moment(low: int = -3, high: int = 20) -> datetime:
        return START + timedelta(milliseconds=rng.randrange(low * DAY * 1000, high * DAY * 1000))

    for unit in range(units):
        arm = rng.choice(ARMS)
        data.exposures += [("exp", unit, moment(), arm) for _ in range(rng.choice([1, 1, 1, 3]))]
        if rng.random() < 0.05:
            data.exposures.append(("exp", unit, moment(), rng.choice([*ARMS, "beta"])))
        if rng.random() < 0.3:
            data.exposures.append(("other", unit, moment(), rng.choice(ARMS)))
    data.exposures += [("exp", 9_000 + n, moment(), "beta") for n in range(7)]
    data.exposures += [("exp", None, moment(), "control"), ("exp", 9_100, None, "control")]
    data.exposures += [("exp", 9_200, START + timedelta(days=1), None)]
    for _ in range(units * 12):
        value = rng.choice([None, 0.0, round(rng.lognormvariate(1, 1.5), 3), -rng.random()])
        owner = rng.choice([rng.randrange(units), rng.randrange(units), 99_999, None])
        at = rng.choice([moment(), moment(), moment(), None])
        data.events.append((owner, at, rng.choice(["buy", "open", "stay"]), value))
    twins = [row for row in data.exposures if row[1] is not None and row[2] is not None][:40]
    # Events at the very moment of an exposure count.
    data.events += [(unit, at, "buy", 3.25) for _, unit, at, _ in twins]
    return data


METRICS = (
    MetricPlan("bought", MetricKind.PROPORTION, "buy"),
    MetricPlan("bought_late", MetricKind.PROPORTION, "buy", Window(2 * DAY, 3 * DAY)),
    MetricPlan("opens", MetricKind.COUNT, "open"),
    MetricPlan("opens_first_day", MetricKind.COUNT, "open", Window(length_seconds=DAY)),
    MetricPlan("revenue", MetricKind.SUM, "buy", scale=0.01),
    MetricPlan("basket", MetricKind.MEAN, "buy", Window(length_seconds=7 * DAY)),
    MetricPlan("stay", MetricKind.DURATION, "stay", Window(start_delay_seconds=DAY)),
    MetricPlan("loss", MetricKind.SUM, "buy", scale=-1.0),
)
FACTS = (
    FactQuery("buy", EVENTS.format("buy")),
    FactQuery("open", "SELECT user_id, timestamp FROM events WHERE name = 'open'"),
    FactQuery("stay", EVENTS.format("stay"), value_unit="minutes"),
)


def request(**changes: object) -> AnalysisRequest:
    values: dict[str, object] = {
        "assignment": AssignmentQuery(ASSIGNMENTS),
        "experiment_id": "exp",
        "arms": ARMS,
        "start": START,
        "end": END,
        "facts": FACTS,
        "metrics": METRICS,
    }
    return AnalysisRequest(**(values | changes))  # type: ignore[arg-type]


# --- the reference


@dataclass
class Unit:
    entered: datetime
    arm: str | None


def reference_units(data: Data, ask: AnalysisRequest) -> tuple[dict[object, Unit], int, int]:
    """Unit -> first exposure and arm; crossovers; units known only by an unknown treatment."""
    seen: dict[object, list[tuple[datetime, str | None]]] = {}
    for experiment, unit, at, treatment in data.exposures:
        asked = experiment == ask.experiment_id and unit is not None
        if asked and at is not None and (ask.start or at) <= at <= ask.end:
            arm = treatment if treatment in ask.arms else None
            seen.setdefault(unit, []).append((at, arm))
    units, crossovers, unknown = {}, 0, 0
    for unit, rows in seen.items():
        arms = {arm for _, arm in rows}
        if len(arms) > 1:
            crossovers += 1
        elif None in arms:
            unknown += 1
        else:
            units[unit] = Unit(min(at for at, _ in rows), arms.pop())
    return units, crossovers, unknown


def reference_numbers(
    data: Data, ask: AnalysisRequest, metric: MetricPlan, arm: str
) -> list[float]:
    units, _, _ = reference_units(data, ask)
    numbers = []
    minutes = 60.0 if metric.fact_key == "stay" else 1.0
    for unit, found in units.items():
        if found.arm != arm:
            continue
        begin = found.entered + timedelta(seconds=metric.window.start_delay_seconds)
        length = metric.window.length_seconds
        finish = begin + timedelta(seconds=length) if length else None
        values = [
            value
            for owner, at, name, value in data.events
            if owner == unit
            and name == metric.fact_key
            and at is not None
            and begin <= at <= ask.end
            and (finish is None or at < finish)
        ]
        present = [value for value in values if value is not None]
        match metric.kind:
            case MetricKind.PROPORTION:
                number = float(any(value != 0 for value in present))
            case MetricKind.COUNT:
                number = float(len(values))
            case MetricKind.SUM:
                number = math.fsum(present)
            case MetricKind.MEAN:
                number = math.fsum(present) / len(present) if present else 0.0
            case MetricKind.DURATION:
                number = math.fsum(present) * minutes
        numbers.append(number * metric.scale)
    return numbers


def assert_agrees(found: Aggregates, data: Data, ask: AnalysisRequest) -> None:
    units, crossovers, unknown = reference_units(data, ask)
    assert found.crossovers == crossovers
    assert sum(found.unknown_arms.values()) == unknown
    for arm in ask.arms:
        entered = [unit.entered for unit in units.values() if unit.arm == arm]
        assert found.arms[arm].units == len(entered)
        days = dict(found.arms[arm].new_per_day)
        assert sum(days.values()) == len(entered)
        assert days == {
            day: sum(at.date() == day for at in entered) for day in {at.date() for at in entered}
        }
        for metric in ask.metrics:
            numbers = reference_numbers(data, ask, metric, arm)
            own, mean = found.metrics[metric.key, arm], statistics.fmean(numbers)
            m2 = math.fsum((number - mean) ** 2 for number in numbers)
            assert own.units == len(numbers), metric.key
            assert own.nonzero == sum(number != 0 for number in numbers), metric.key
            assert own.mean == pytest.approx(mean, rel=1e-9, abs=1e-12), metric.key
            assert own.m2 == pytest.approx(m2, rel=1e-9, abs=1e-12), metric.key
            assert own.minimum == pytest.approx(min(numbers), rel=1e-9, abs=1e-12), metric.key
            assert own.maximum == pytest.approx(max(numbers), rel=1e-9, abs=1e-12), metric.key


# --- the engines' own tables

TYPES = {
    "postgres": ("timestamptz", "double precision", "bigint"),
    "duckdb": ("TIMESTAMPTZ", "DOUBLE", "BIGINT"),
    "sqlite": ("TEXT", "REAL", "INTEGER"),
}


def as_text(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if at else None


def loaded(
    engine: str,
    server: TeamServer,
    folder: Path,
    data: Data,
    types: tuple[str, str, str] = ("",) * 3,
) -> Settings:
    moment, number, unit = (own or usual for own, usual in zip(types, TYPES[engine], strict=True))
    write = as_text if engine == "sqlite" else (lambda at: at)
    exposures = [(e, u, write(at), t) for e, u, at, t in data.exposures]
    events = [(u, write(at), n, v) for u, at, n, v in data.events]
    return load(
        engine,
        server,
        folder,
        {
            "assignments": (
                f"experiment_id text, user_id {unit}, timestamp {moment}, treatment text",
                exposures,
            ),
            "events": (f"user_id {unit}, timestamp {moment}, name text, value {number}", events),
        },
    )


def read(settings: Settings, policy: Policy, ask: AnalysisRequest) -> Aggregates:
    with connect(settings, policy) as executor:
        return per_variation(executor, ask)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_engine_agrees_with_plain_python(engine, team_server, folder, policy):
    data = seeded()
    settings = loaded(engine, team_server, folder, data)
    assert_agrees(read(settings, policy, request()), data, request())


def test_an_analysis_without_a_start_takes_every_exposure(engine, team_server, folder, policy):
    data = seeded(seed=8, units=120)
    settings = loaded(engine, team_server, folder, data)
    ask = request(start=None)
    assert_agrees(read(settings, policy, ask), data, ask)


def test_decimals_naive_timestamps_and_text_ids_read_the_same(engine, team_server, folder, policy):
    data = seeded(seed=11, units=150)
    types = {
        "postgres": ("timestamp", "numeric(12,3)", "varchar(20)"),
        "duckdb": ("TIMESTAMP", "DECIMAL(12,3)", "VARCHAR"),
        "sqlite": ("DATETIME", "DECIMAL(12,3)", "VARCHAR(20)"),
    }[engine]
    data.events = [
        (unit, at, name, None if value is None else round(value, 3))
        for unit, at, name, value in data.events
    ]
    naive = Data(
        [
            (e, u if u is None else str(u), at and at.replace(tzinfo=None), t)
            for e, u, at, t in data.exposures
        ],
        [
            (
                u if u is None else str(u),
                at and at.replace(tzinfo=None),
                n,
                v if v is None or engine == "sqlite" else Decimal(str(v)),
            )
            for u, at, n, v in data.events
        ],
    )
    settings = loaded(engine, team_server, folder, naive, types)
    assert_agrees(read(settings, policy, request()), data, request())


def test_ids_of_different_types_still_meet(engine, team_server, folder, policy):
    data = seeded(seed=13, units=80)
    settings = loaded(engine, team_server, folder, data)
    as_texts = ASSIGNMENTS.replace("user_id", "CAST(user_id AS text) AS user_id")
    ask = request(assignment=AssignmentQuery(as_texts))
    assert_agrees(read(settings, policy, ask), data, ask)


def test_a_boolean_treatment_is_mapped_to_arms(engine, team_server, folder, policy):
    data = seeded(seed=17, units=80)
    settings = loaded(engine, team_server, folder, data)
    boolean = (
        ASSIGNMENTS.replace(" treatment FROM", " treatment = 'treatment' AS treatment FROM")
        + " WHERE treatment IN ('control', 'treatment')"
    )
    data.exposures = [row for row in data.exposures if row[3] in ARMS]
    ask = request(
        assignment=AssignmentQuery(boolean), arm_of={"true": "treatment", "false": "control"}
    )
    found = read(settings, policy, ask)
    assert found.unknown_arms == {}
    assert_agrees(found, data, ask)


def test_events_that_all_happen_early_leave_every_unit_at_zero(engine, team_server, folder, policy):
    data = Data(
        [("exp", n, START + timedelta(days=3), ARMS[n % 2]) for n in range(10)],
        [(n, START + timedelta(days=2), "buy", 5.0) for n in range(10)],
    )
    found = read(loaded(engine, team_server, folder, data), policy, request())
    for metric in METRICS:
        own = found.metrics[metric.key, "control"]
        assert (own.units, own.mean, own.m2, own.nonzero) == (5, 0.0, 0.0, 0)


def test_nobody_exposed_gives_empty_arms_and_no_error(engine, team_server, folder, policy):
    data = Data([("other", 1, START, "control")], [(1, START, "buy", 1.0)])
    found = read(loaded(engine, team_server, folder, data), policy, request())
    assert {arm: found.arms[arm].units for arm in ARMS} == {"control": 0, "treatment": 0}
    assert found.metrics["revenue", "control"].units == 0
    assert found.first_exposure is None


def test_variance_survives_large_values(engine, team_server, folder, policy):
    # Differences of squares lose everything here: 10^9 squared leaves no digit for the tenths.
    exposures = [("exp", n, START, "control") for n in range(1001)]
    events = [
        (n, START, "buy", 1e9 + 0.2 + (0.1 if n % 2 else -0.1) * (n > 0)) for n in range(1001)
    ]
    data = Data([*exposures, ("exp", -1, START, "treatment")], events)
    found = read(loaded(engine, team_server, folder, data), policy, request())
    own = found.metrics["basket", "control"]
    assert own.m2 / 1000 == pytest.approx(0.01, rel=1e-5)


def test_unknown_treatments_are_named_and_counted(engine, team_server, folder, policy):
    data = Data(
        [("exp", n, START, "control") for n in range(3)]
        + [("exp", 10 + n, START, "beta") for n in range(4)]
        + [("exp", 20 + n, START, f"odd-{n}") for n in range(30)],
        [(1, START, "buy", 1.0)],
    )
    found = read(loaded(engine, team_server, folder, data), policy, request())
    assert found.unknown_arms["beta"] == 4
    assert found.unknown_arms["(others)"] == 11
    assert sum(found.unknown_arms.values()) == 34
    assert found.arms["control"].units == 3


def test_daily_exposures_need_no_facts(engine, team_server, folder, policy):
    data = seeded(seed=19, units=60)
    settings = loaded(engine, team_server, folder, data)
    ask = request(facts=(), metrics=())
    with connect(settings, policy) as executor:
        cohort = daily_exposures(executor, ask)
    units, crossovers, _ = reference_units(data, ask)
    assert cohort.crossovers == crossovers
    assert sum(arm.units for arm in cohort.arms.values()) == len(units)
    seen = [
        at
        for e, u, at, _ in data.exposures
        if e == "exp" and u is not None and at and START <= at <= END
    ]
    assert (cohort.first_exposure, cohort.last_exposure) == (min(seen), max(seen))


def test_facts_of_one_table_share_a_scan_and_agree(engine, team_server, folder, policy):
    data = seeded(seed=23, units=100)
    settings = loaded(engine, team_server, folder, data)
    alike = tuple(FactQuery(name, EVENTS.format(name)) for name in ("buy", "open", "stay"))
    apart = tuple(
        FactQuery(name, EVENTS.format(name) + " LIMIT 1000000") for name in ("buy", "open", "stay")
    )
    metrics = tuple(MetricPlan(fact.key, MetricKind.SUM, fact.key) for fact in alike)
    merged = read(settings, policy, request(facts=alike, metrics=metrics))
    single = read(settings, policy, request(facts=apart, metrics=metrics))
    assert merged.sql[-1].text.count("FROM events") == 1
    assert single.sql[-1].text.count("FROM events") == 3
    for key, own in single.metrics.items():
        assert merged.metrics[key].mean == pytest.approx(own.mean, rel=1e-12)
        assert merged.metrics[key].m2 == pytest.approx(own.m2, rel=1e-9)


def test_the_statements_asked_are_kept_with_their_times(team_server, folder, policy):
    data = seeded(seed=29, units=30)
    found = read(loaded("sqlite", team_server, folder, data), policy, request())
    assert all(statement.seconds > 0 for statement in found.sql)
    assert found.sql[-1].rows >= 2
    assert "wayfork_events" in found.sql[-1].text
    assert found.cut == END


def test_a_sum_of_a_fact_without_values_is_refused_by_name(engine, team_server, folder, policy):
    data = seeded(seed=31, units=20)
    settings = loaded(engine, team_server, folder, data)
    ask = request(metrics=(MetricPlan("sum_opens", MetricKind.SUM, "open"),))
    with pytest.raises(MissingColumn, match="fact open returns no value column"):
        read(settings, policy, ask)


def test_a_proportion_of_a_fact_without_values_counts_every_event(
    engine, team_server, folder, policy
):
    data = Data(
        [("exp", n, START, "control") for n in range(4)],
        [(1, START, "open", None), (2, START, "open", 0.0)],
    )
    ask = request(metrics=(MetricPlan("opened", MetricKind.PROPORTION, "open"),))
    found = read(loaded(engine, team_server, folder, data), policy, ask)
    assert found.metrics["opened", "control"].nonzero == 2


@pytest.mark.parametrize("engine", ["postgres", "duckdb"])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_values_that_are_not_finite_are_named_not_passed_on(
    engine, poison, team_server, folder, policy
):
    data = Data(
        [("exp", 1, START, "control"), ("exp", 2, START, "control")], [(1, START, "buy", poison)]
    )
    ask = request(metrics=(MetricPlan("revenue", MetricKind.SUM, "buy"),))
    with pytest.raises(UnusableValue, match="fact buy holds values that are not finite"):
        read(loaded(engine, team_server, folder, data), policy, ask)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2025-06-01T12:30:00Z", datetime(2025, 6, 1, 12, 30, tzinfo=UTC)),
        ("2025-06-01T12:30:00.250+02:00", datetime(2025, 6, 1, 10, 30, 0, 250_000, tzinfo=UTC)),
        ("2025-06-01", datetime(2025, 6, 1, tzinfo=UTC)),
        (1_748_779_200, datetime(2025, 6, 1, 12, tzinfo=UTC)),
        (1_748_779_200_500, datetime(2025, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_sqlite_instants_are_read_in_every_usual_form(text, means, team_server, folder, policy):
    tables: Any = {
        "assignments": (
            "experiment_id, user_id, timestamp, treatment",
            [("exp", 1, text, "control")],
        ),
        "events": ("user_id, timestamp, name, value", [(1, text, "buy", "2.50")]),
    }
    found = read(load("sqlite", team_server, folder, tables), policy, request())
    assert found.first_exposure == means
    assert found.metrics["revenue", "control"].mean == pytest.approx(0.025)


def test_a_sqlite_row_with_no_instant_is_quoted(team_server, folder, policy):
    tables: Any = {
        "assignments": (
            "experiment_id, user_id, timestamp, treatment",
            [("exp", 1, "soon", "control")],
        ),
        "events": ("user_id, timestamp, name, value", [(1, "2025-06-02", "buy", 1)]),
    }
    with pytest.raises(UnusableValue, match="“soon” in column timestamp is not a point in time"):
        read(load("sqlite", team_server, folder, tables), policy, request())


def test_an_experiment_id_is_a_value_never_sql(engine, team_server, folder, policy):
    data = seeded(seed=37, units=20)
    settings = loaded(engine, team_server, folder, data)
    found = read(settings, policy, request(experiment_id="exp' OR '1'='1"))
    assert sum(arm.units for arm in found.arms.values()) == 0


def test_a_request_that_mixes_or_misnames_is_refused_at_once():
    with pytest.raises(ValueError, match="needs fact 'nope'"):
        request(metrics=(MetricPlan("m", MetricKind.SUM, "nope"),))
    with pytest.raises(ValueError, match="not an arm"):
        request(arm_of={"1": "green"})
    with pytest.raises(ValueError, match="time zone"):
        request(end=datetime(2025, 6, 1))  # noqa: DTZ001
