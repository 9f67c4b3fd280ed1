"""What a change would do: recent contexts asked before and after it, without writing anything."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils import timezone

from accounts.access import Access
from accounts.models import Environment
from flags import contexts, drafting, snapshots
from flags.contexts import Context, Sealer
from flags.disguise import Disguise, Leaning, affected, asking, leaning
from flags.drafting import Draft, Part
from flags.edits import EditKind
from flags.models import Change
from flags.models.change import WAITING
from flags.snapshots import Document, Overlay
from wayfork.engine import Compiled, reasons
from wayfork.engine.document import canonical_json
from wayfork.engine.evaluation import Answer, Runner, failure

# Flags times contexts, in all environments: beyond it fewer contexts are tried, and that is said.
MOST_EVALUATIONS: Final = 100_000
FEWEST_CONTEXTS: Final = 200
# Who decided, where it was no rule, by the evaluation's reason.
DECIDERS: Final[Mapping[str, str]] = {
    "DISABLED": "off",
    "PREREQUISITE_FAILED": "requirement",
    "HOLDOUT": "holdout",
    "TARGETING_MATCH": "assignment",
    "DEFAULT": "everyone",
    "SPLIT": "everyone",
    "ERROR": "error",
}


@dataclass(frozen=True, slots=True, order=True)
class Decider:
    """What made an answer: a rule by its name, or else a word of `DECIDERS`, or no flag at all."""

    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """So many contexts go from one variation of a flag to another; None is the code's default."""

    flag: str
    before: str | None
    after: str | None
    was: Decider
    by: Decider
    contexts: int


@dataclass(frozen=True, slots=True)
class Moved:
    """So many contexts leave, enter or change arms of a running experiment."""

    experiment: str
    flag: str
    contexts: int


@dataclass(frozen=True, slots=True)
class PlaceImpact:
    """What a change would do in one environment.

    `contexts` are known, `tried` of them were asked, and `changed` of these get something else.
    """

    environment: Environment
    contexts: int
    tried: int
    changed: int = 0
    flags: tuple[str, ...] = ()
    transitions: tuple[Transition, ...] = ()
    experiments: tuple[Moved, ...] = ()
    errors: int = 0
    created: tuple[str, ...] = ()
    # Rules look at these, and no sample holds them; or samples hold only hashes of them.
    unseen: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    keeps_none: bool = False

    @property
    def share(self) -> float:
        """Changed contexts among those tried."""
        return self.changed / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change would do, in each environment it reaches."""

    places: tuple[PlaceImpact, ...]

    @property
    def changed(self) -> int:
        """Contexts that get something else, wherever they are."""
        return sum(place.changed for place in self.places)


def forecast(access: Access, parts: Sequence[Part]) -> Impact:
    """Try edits that were not submitted. Raises what drafting them raises; writes nothing."""
    environments = drafting.environments_of(access, parts)
    return _of_drafts(access, environments, [drafting.draft(access, part) for part in parts])


def of_change(access: Access, change: Change) -> Impact:
    """Try a change that waits, or a draft, on what is there now. Of any other there is nothing to
    tell."""
    if change.status not in {*WAITING, Change.Status.DRAFT}:
        return Impact(())
    at = access.at(change.environment) if change.environment else access
    return forecast(at, [_upon_now(at, part) for part in drafting.parts_of(change.parts)])


def _upon_now(access: Access, part: Part) -> Part:
    row = drafting.load(access, part.target, creating=part.expected_version == 0)
    return replace(part, expected_version=row.version)


def _of_drafts(
    access: Access, environments: Iterable[Environment], drafts: Sequence[Draft]
) -> Impact:
    places = list(environments)
    most = MOST_EVALUATIONS // max(len(places), 1)
    return Impact(
        tuple(
            _in_place(place, _overlay(drafts, is_here=place == access.at_environment), most)
            for place in places
        )
    )


def _overlay(drafts: Iterable[Draft], *, is_here: bool) -> Overlay:
    """The documents the edits lead to; a flag's state only where it is edited."""
    found: dict[EditKind, dict[str, Any]] = {}
    for draft in drafts:
        found.setdefault(draft.kind, {})[draft.key] = draft
    after = {
        kind: {key: draft.after for key, draft in ones.items()} for kind, ones in found.items()
    }
    states = found.get(EditKind.STATE, {}) if is_here else {}
    return Overlay(
        definitions=after.get(EditKind.DEFINITION, {}),
        own={key: draft.after_json for key, draft in states.items()},
        segments=after.get(EditKind.SEGMENT, {}),
        holdouts=after.get(EditKind.HOLDOUT, {}),
        layers=after.get(EditKind.LAYER, {}),
        units=next(iter(after.get(EditKind.UNITS, {}).values()), None),
    )


def _in_place(environment: Environment, overlay: Overlay, most: int) -> PlaceImpact:
    before = snapshots.served(environment)
    after = snapshots.proposed(environment, before, overlay)
    keys = affected(before, after)
    known = contexts.recent(environment, timezone.now()) if keys else []
    disguise = Disguise(Sealer(environment), after["units"])
    asked = disguise.asked(after, keys)
    trial = _tried(disguise, before, after, keys, known, most)
    tried = known[: len(trial.changed)]
    held = {name for context in tried for name in context}
    return PlaceImpact(
        environment=environment,
        contexts=len(known),
        tried=len(tried),
        changed=sum(trial.changed),
        flags=tuple(sorted(keys)),
        transitions=trial.transitions(),
        experiments=trial.moved(),
        errors=trial.errors,
        created=tuple(sorted(set(after["flags"]) - set(before["flags"]))),
        unseen=tuple(sorted(asked.attributes - held)) if tried else (),
        hidden=tuple(sorted(asked.hidden)),
        keeps_none=not contexts.is_enabled(environment),
    )


def _tried(
    disguise: Disguise,
    before: Document,
    after: Document,
    keys: set[str],
    known: Sequence[Context],
    most: int,
) -> "_Trial":
    """Every flag asked with every context; nothing is compiled where there is nobody to ask with.

    A flag that is reached through segments alone is asked only with who enters or leaves them.
    """
    asked = keys if known else set()
    through = leaning(before, after, asked)
    known = known[: _most(len(through.segments), most)]
    movers = _movers(disguise, before, after, through, known)
    share = len(movers) / len(known) if known else 0.0
    tried = known[: _most(len(asked) - len(through.flags) * (1 - share), most)]
    everybody, some = range(len(tried)), [index for index in movers if index < len(tried)]
    trial = _Trial(disguise.compiled(before, asked), disguise.compiled(after, asked), tried)
    for key in sorted(asked & set(before["flags"])):
        among = some if key in through.flags else everybody
        trial.ask(key, _altered(before, after, key), among)
    return trial


def _movers(
    disguise: Disguise,
    before: Document,
    after: Document,
    through: Leaning,
    known: Sequence[Context],
) -> list[int]:
    """Who enters or leaves any of these segments."""
    flags = asking(through.segments)
    was, by = (
        disguise.compiled({**document, "flags": flags}, set(flags)) for document in (before, after)
    )
    found: set[int] = set()
    for key in flags:
        answers = zip(_answers(was, key, known), _answers(by, key, known), strict=True)
        found.update(index for index, (one, other) in enumerate(answers) if one[1] != other[1])
    return sorted(found)


def _most(flags: float, evaluations: int) -> int:
    return max(FEWEST_CONTEXTS, int(evaluations / max(flags, 1)))


def _altered(before: Document, after: Document, key: str) -> frozenset[str]:
    """Variations that keep their name and change their value."""
    new = after["flags"].get(key, {}).get("variations", {})
    old = before["flags"][key]["variations"]
    return frozenset(
        name
        for name, value in old.items()
        if name in new and canonical_json(value) != canonical_json(new[name])
    )


class _Trial:
    """Asks two compiled snapshots the same questions and counts where they differ."""

    def __init__(self, before: Compiled, after: Compiled, tried: Sequence[Context]) -> None:
        self._before = before
        self._after = after
        self._tried = tried
        self._transitions: Counter[tuple[str, str | None, str | None, Decider, Decider]] = Counter()
        self._moved: Counter[tuple[str, str]] = Counter()
        self._names = {**_rule_names(before), **_rule_names(after)}
        self.changed = bytearray(len(tried))
        self.errors = 0

    def ask(self, key: str, altered: frozenset[str], among: Sequence[int]) -> None:
        """One flag, with these contexts."""
        asked = [self._tried[index] for index in among]
        was_all, by_all = _answers(self._before, key, asked), _answers(self._after, key, asked)
        seen: Counter[tuple[Any, ...]] = Counter()
        for index, was, by in zip(among, was_all, by_all, strict=True):
            if by[7] is not None:
                self.errors += 1
            if was[1] == by[1] and was[1] not in altered and was[5] == by[5]:
                continue
            if was[1] != by[1] or was[1] in altered:
                self.changed[index] = 1
                # Variation, reason and rule of both.
                seen[was[1:4] + by[1:4]] += 1
            self._note_experiments(key, was, by)
        self._note_transitions(key, seen)

    def transitions(self) -> tuple[Transition, ...]:
        """Where contexts go, the most common way first."""
        ranked = sorted(self._transitions.items(), key=lambda one: (-one[1], str(one[0])))
        return tuple(Transition(*what, count) for what, count in ranked)

    def moved(self) -> tuple[Moved, ...]:
        """Which experiments are disturbed."""
        return tuple(Moved(*what, count) for what, count in sorted(self._moved.items()))

    def _note_experiments(self, key: str, was: Answer, by: Answer) -> None:
        for experiment in {was[5], by[5]} - {None}:
            self._moved[str(experiment), key] += 1

    def _note_transitions(self, key: str, seen: Mapping[tuple[Any, ...], int]) -> None:
        for (old, old_reason, old_rule, new, new_reason, new_rule), count in seen.items():
            was, by = self._decider(old_reason, old_rule), self._decider(new_reason, new_rule)
            self._transitions[key, old, new, was, by] += count

    def _decider(self, reason: str, rule: str | None) -> Decider:
        if rule is not None:
            return Decider("rule", self._names.get(rule) or rule)
        return Decider(DECIDERS.get(reason, "no_flag"))


def _answers(compiled: Compiled, key: str, asked: Sequence[Context]) -> list[Answer]:
    run = compiled.table().get(key, _no_flag)
    try:
        return [run(context, None) for context in asked]
    except Exception:  # noqa: BLE001 - one context is hostile: then each by itself
        return [_answer(run, context) for context in asked]


def _answer(run: Runner, context: Context) -> Answer:
    try:
        return run(context, None)
    except Exception as error:  # noqa: BLE001 - what the SDK would answer GENERAL to
        return failure(None, 0, reasons.GENERAL, type(error).__name__)


def _no_flag(_context: Context, _default: object) -> Answer:
    return (None, None, "NO_FLAG", None, None, None, 0, None, None, None, None)


def _rule_names(compiled: Compiled) -> dict[str, str]:
    flags = compiled.snapshot.flags.values()
    return {rule.id: rule.name for flag in flags for rule in flag.rules}
