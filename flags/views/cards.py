"""What the flag pages show of states and rules, ready for templates."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.access import Access
from accounts.models import Environment
from flags.edits import FlagDefinition
from flags.queries import FlagInEnvironment, FlagLine
from flags.views.sentences import Condition, Pill, condition, percent, pill, serve_words, share_of
from flags.views.shares import share_text
from wayfork.engine import FlagState, Rule, Split

SERIES = ("control", "a", "b", "c", "d", "e")
MOST_IDS_SHOWN = 20


def here(access: Access, name: str, *keys: object, environment: str = "") -> str:
    """The address of a page in this access's place."""
    stands = (
        access.organization.key,
        access.project.key,
        environment or access.environment.key,
    )
    return reverse(name, args=(*stands, *keys))


@dataclass(frozen=True, slots=True)
class RuleCard:
    """One rule as a sentence, with what can be done to it."""

    rule: Rule
    number: int
    conditions: tuple[Condition, ...]
    serve: SafeString
    share: str
    slider: str
    is_first: bool
    is_last: bool


def rule_cards(flag: FlagState) -> list[RuleCard]:
    """A flag's rules, in order."""
    last = len(flag.rules) - 1
    return [
        RuleCard(
            rule=rule,
            number=place + 1,
            conditions=tuple(condition(clause) for clause in rule.when),
            serve=serve_words(rule.serve),
            share=percent(share_of(rule.allocation)) if rule.allocation else "",
            slider=_slider(rule),
            is_first=place == 0,
            is_last=place == last,
        )
        for place, rule in enumerate(flag.rules)
    ]


def _slider(rule: Rule) -> str:
    """The share a slider may move: not an experiment's, nor one that does not start at 0."""
    if rule.allocation is None or rule.experiment:
        return ""
    ranges = rule.allocation.ranges
    plain = not ranges or (len(ranges) == 1 and ranges[0][0] == 0)
    return share_text(share_of(rule.allocation)) if plain else ""


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A piece of a split bar."""

    name: str
    series: str
    start: float
    share: float


def split_parts(serve: str | Split, variations: Mapping[str, object]) -> list[SplitPart]:
    """A split as pieces, colored by the variation's place in the flag; none for one variation."""
    if isinstance(serve, str):
        return []
    names = list(variations)
    parts, start = [], 0
    for name, weight in serve.weights:
        series = SERIES[names.index(name) % len(SERIES)] if name in names else SERIES[0]
        parts.append(SplitPart(name, series, start / 1000, weight / 1000))
        start += weight
    return parts


@dataclass(frozen=True, slots=True)
class Assigned:
    """The ids of one unit type that always get one variation."""

    unit: str
    variation: str
    shown: tuple[str, ...]
    more: int


def assigned(flag: FlagState) -> list[Assigned]:
    """Custom assignments, grouped for reading."""
    found: dict[tuple[str, str], list[str]] = {}
    for unit, ids in flag.assignments.items():
        for unit_id, variation in ids.items():
            found.setdefault((unit, variation), []).append(unit_id)
    return [
        Assigned(
            unit,
            variation,
            tuple(sorted(ids)[:MOST_IDS_SHOWN]),
            max(0, len(ids) - MOST_IDS_SHOWN),
        )
        for (unit, variation), ids in sorted(found.items())
    ]


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """A flag's state in one environment, and the address of its page there."""

    environment: Environment
    flag: FlagInEnvironment
    pill: Pill
    url: str
    # The number of a request that waits on it here, and its page.
    waiting: int | None = None
    waiting_url: str = ""

    @property
    def key(self) -> str:
        return self.environment.key

    @property
    def name(self) -> str:
        return self.environment.name

    @property
    def color(self) -> str:
        return str(self.environment.color)

    @property
    def is_production(self) -> bool:
        return bool(self.environment.is_production)


Waiting = Mapping[tuple[str, object], int]


def environment_states(
    access: Access,
    line: FlagLine,
    environments: list[Environment],
    page: str,
    waiting: Waiting | None = None,
) -> list[EnvironmentState]:
    """A flag in each environment; `page` is opened there."""
    key, numbers = line.definition.key, waiting or {}
    return [
        EnvironmentState(
            environment,
            line.states[environment.key],
            pill(line.states[environment.key].state),
            here(access, page, key, environment=environment.key),
            *_waiting(access, numbers.get((key, environment.pk)), environment.key),
        )
        for environment in environments
    ]


def _waiting(access: Access, number: int | None, environment: str = "") -> tuple[int | None, str]:
    if number is None:
        return None, ""
    return number, here(access, "flags:request", number, environment=environment)


@dataclass(frozen=True, slots=True)
class Row:
    """One flag in the list: everywhere, and here."""

    line: FlagLine
    here: FlagInEnvironment
    states: list[EnvironmentState]
    url: str
    list_url: str
    # Whether the switch asks first instead of acting at once.
    asks: bool = False
    # The number of a request that waits on its definition, and its page.
    waiting: int | None = None
    waiting_url: str = ""

    @property
    def definition(self) -> FlagDefinition:
        return self.line.definition

    @property
    def switch_url(self) -> str:
        """Where the row's switch posts to."""
        return f"{self.url}switch-row"


def row(
    access: Access,
    line: FlagLine,
    environments: list[Environment],
    waiting: Waiting | None = None,
    *,
    asks: bool = False,
) -> Row:
    """The row of one flag."""
    states = environment_states(access, line, environments, "flags:detail", waiting)
    url = next(one.url for one in states if one.key == access.environment.key)
    everywhere = _waiting(access, (waiting or {}).get((line.definition.key, None)))
    current = line.states[access.environment.key]
    return Row(line, current, states, url, here(access, "flags:list"), asks, *everywhere)
