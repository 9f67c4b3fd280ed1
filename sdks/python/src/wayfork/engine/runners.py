"""Plans turned into closures: an evaluation is a call or two and one tuple.

The closures look the same place up twice rather than call a function for it: a call costs more than
all that is done in it.
"""

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from wayfork.engine import reasons
from wayfork.engine.bucketing import Bucketer, hash32, seed_of
from wayfork.engine.clauses import Test, all_of
from wayfork.engine.context import Context, UnitReader
from wayfork.engine.evaluation import (
    Answer,
    Evaluation,
    Runner,
    failure,
    new_evaluation,
    settled,
)
from wayfork.engine.plans import FlagPlan, RulePlan
from wayfork.engine.shares import Cut, Share
from wayfork.engine.snapshot import STEPS

# An answer, or None to go on to the next step.
FlagStep: TypeAlias = Callable[[Context], Answer | None]

# What a rule gives where it does not apply: None to go on, or the flag's last answer at once.
Otherwise = TypeVar("Otherwise", Answer, None)

# How an answer that is always the same is kept: as an Evaluation, or as a plain tuple.
Form: TypeAlias = Callable[[Evaluation], Answer]

NO_UNIT: Final = "the context holds no id of the unit that the fallthrough splits by"


def plainly(evaluation: Evaluation) -> Answer:
    """The form for callers that look an answer's fields up by their number."""
    return evaluation if evaluation.experiment is not None else tuple(evaluation)


def as_evaluation(evaluation: Evaluation) -> Answer:
    """The form for callers that get the Evaluation itself."""
    return evaluation


def constant(answer: Answer) -> Runner:
    """Always this answer."""
    return lambda _context, _default: answer


def broken(version: int, message: str) -> Runner:
    """A flag that could not be read: the caller's default, and why."""
    return lambda _context, default: failure(default, version, reasons.PARSE_ERROR, message)


class RunnerBuilder:
    """Builds one flag's closure: the steps of the specification, less those this flag does not have."""

    __slots__ = ("_form", "_plan", "_version")

    def __init__(self, plan: FlagPlan, version: int, form: Form) -> None:
        self._plan = plan
        self._version = version
        self._form = form

    def build(self, readers: dict[str, UnitReader], prerequisite: FlagStep | None) -> Runner:
        """The whole flag."""
        state = self._plan.state
        if not state.enabled:
            return constant(self._plain(state.off, reasons.DISABLED))
        found = (self._assignments(readers), prerequisite, self._holdout())
        steps = tuple(step for step in found if step is not None)
        run = self._rules()
        return _after(steps, run) if steps else run

    def failed_prerequisite(self) -> Answer:
        """What the flag answers when another one does not serve what it needs."""
        return self._plain(self._plan.state.off, reasons.PREREQUISITE_FAILED)

    def _plain(self, variation: str, reason: str) -> Answer:
        return self._settled(variation, reason, (None, None))

    def _settled(self, variation: str, reason: str, about: tuple[str | None, str | None]) -> Answer:
        value = self._plan.values[variation]
        return self._form(settled(value, variation, reason, self._version, about))

    def _assignments(self, readers: dict[str, UnitReader]) -> FlagStep | None:
        answers = {
            variation: self._plain(variation, reasons.TARGETING_MATCH)
            for variation in self._plan.values
        }
        assignments = self._plan.state.assignments
        # In the project's order of units, whatever the order of the document.
        assigned = tuple(
            (reader.read, {each: answers[name] for each, name in assignments[unit].items()})
            for unit, reader in readers.items()
            if assignments.get(unit)
        )
        if not assigned:
            return None

        def step(context: Context) -> Answer | None:
            for read, answer in assigned:
                unit_id = read(context)
                if unit_id in answer:
                    return answer[unit_id]
            return None

        return step

    def _holdout(self) -> FlagStep | None:
        share = self._plan.holdout
        if share is None:
            return None
        read, place, holds = share.reader.read, share.place, share.holds
        answer = self._plain(self._plan.state.off, reasons.HOLDOUT)

        def step(context: Context) -> Answer | None:
            unit_id = read(context)
            return answer if unit_id is not None and holds(place(unit_id)) else None

        return step

    def _rules(self) -> Runner:
        plan = self._plan
        if isinstance(plan.fallthrough, Cut):
            last = self._split_or_failure(plan.fallthrough)
            return _many_rules(tuple(map(self._rule, plan.rules)), last) if plan.rules else last
        rest = self._plain(plan.fallthrough, reasons.DEFAULT)
        if len(plan.rules) == 1:
            return self._one_rule(plan.rules[0], rest)
        if not plan.rules:
            return constant(rest)
        return _many_rules(tuple(map(self._rule, plan.rules)), constant(rest))

    def _one_rule(self, planned: RulePlan, rest: Answer) -> Runner:
        """The commonest flags of all: a rollout, or one audience; a call less than many rules."""
        test, answer, _ = self._rule(planned)
        decide = self._decision(planned, rest)
        if test is None:
            return decide
        if answer is not None:
            return lambda context, _default: answer if test(context) else rest
        return lambda context, default: decide(context, default) if test(context) else rest

    def _rule(self, planned: RulePlan) -> "_Rule":
        always = self._matched(planned, planned.serve) if planned.is_plain else None
        return all_of(planned.tests), always, self._decision(planned, None)

    def _matched(self, planned: RulePlan, variation: str | Cut) -> Answer:
        about = (planned.rule.id, planned.rule.experiment)
        return self._settled(str(variation), reasons.TARGETING_MATCH, about)

    def _decision(
        self, planned: RulePlan, otherwise: Otherwise
    ) -> Callable[[Context, object], Answer | Otherwise]:
        """What a rule whose clauses hold answers; `otherwise` where it does not reach the unit."""
        serve, share = planned.serve, planned.share
        if isinstance(serve, Cut):
            about = (planned.rule.id, planned.rule.experiment)
            decide = self._split(serve, about, otherwise)
            return decide if share is None else _within(share, decide, otherwise)
        answer = self._matched(planned, serve)
        if share is None:
            return lambda _context, _default: answer
        return _share(share, answer, otherwise, is_plain=self._is_plain(planned.rule.experiment))

    def _is_plain(self, experiment: str | None) -> bool:
        """Whether a plain tuple will do for what this rule answers."""
        return self._form is plainly and experiment is None

    def _split(
        self, cut: Cut, about: tuple[str | None, str | None], otherwise: Otherwise
    ) -> Callable[[Context, object], Answer | Otherwise]:
        (first, read), place, unit_type = cut.reader, cut.place, cut.unit
        seed = seed_of(cut.salt)
        digest = hash32 if cut.hash is None else _scaled(place)
        (rule, experiment), version, split = about, self._version, reasons.SPLIT
        is_plain = self._is_plain(experiment)
        values = self._plan.values
        parts = tuple(
            (edge, values[variation], variation)
            for edge, variation in zip(cut.edges, cut.variations, strict=True)
        )

        def decide(context: Context, _default: object) -> Answer | Otherwise:
            unit_id = context.get(first)
            if type(unit_id) is not str or not unit_id:
                unit_id = read(context)
                if unit_id is None:
                    return otherwise
            try:
                bucket = digest(unit_id.encode(), seed) * STEPS >> 32
            except UnicodeEncodeError:
                bucket = place(unit_id)
            for edge, value, variation in parts:
                if bucket < edge:
                    found = (
                        value, variation, split, rule, bucket, experiment, version, None, None,
                        unit_type, unit_id,
                    )  # fmt: skip
                    return found if is_plain else new_evaluation(Evaluation, found)
            return otherwise

        return decide

    def _split_or_failure(self, cut: Cut) -> Runner:
        decide, version = self._split(cut, (None, None), None), self._version

        def run(context: Context, default: object) -> Answer:
            return decide(context, default) or failure(
                default, version, reasons.TARGETING_KEY_MISSING, NO_UNIT
            )

        return run


# A rule as its test, its answer where that is always the same, and else what finds it.
_Rule: TypeAlias = tuple[Test | None, Answer | None, Callable[[Context, object], Answer | None]]


def _after(steps: tuple[FlagStep, ...], run: Runner) -> Runner:
    def stepped(context: Context, default: object) -> Answer:
        for step in steps:
            found = step(context)
            if found is not None:
                return found
        return run(context, default)

    return stepped


def _many_rules(rules: tuple[_Rule, ...], last: Runner) -> Runner:
    def run(context: Context, default: object) -> Answer:
        for test, answer, decide in rules:
            if test is None or test(context):
                found = answer or decide(context, default)
                if found is not None:
                    return found
        return last(context, default)

    return run


def _scaled(place: Bucketer) -> Callable[[bytes, int], int]:
    """An imported system's hash in the shape of ours: the least digest that gives its bucket."""

    def digest(unit_id: bytes, _seed: int) -> int:
        return -(-(place(unit_id.decode()) << 32) // STEPS)

    return digest


def _within(
    share: Share,
    decide: Callable[[Context, object], Answer | Otherwise],
    otherwise: Otherwise,
) -> Callable[[Context, object], Answer | Otherwise]:
    read, place, holds = share.reader.read, share.place, share.holds

    def within(context: Context, default: object) -> Answer | Otherwise:
        unit_id = read(context)
        if unit_id is None or not holds(place(unit_id)):
            return otherwise
        return decide(context, default)

    return within


def _share(
    share: Share, answer: Answer, otherwise: Otherwise, *, is_plain: bool
) -> Callable[[Context, object], Answer | Otherwise]:
    (first, read), place, holds, unit_type = share.reader, share.place, share.holds, share.unit
    seed = seed_of(share.salt)
    digest = hash32 if share.hash is None else _scaled(place)
    # Where nobody is left out, not being anybody does not matter either.
    nobody = answer if share.covers_everything else otherwise
    low, high = share.ranges[0] if len(share.ranges) == 1 else (0, 0)
    value, variation, reason, rule, _, experiment, version, *_ = answer

    def decide(context: Context, _default: object) -> Answer | Otherwise:
        unit_id = context.get(first)
        if type(unit_id) is not str or not unit_id:
            unit_id = read(context)
            if unit_id is None:
                return nobody
        try:
            bucket = digest(unit_id.encode(), seed) * STEPS >> 32
        except UnicodeEncodeError:
            bucket = place(unit_id)
        if low <= bucket < high or (high == 0 and holds(bucket)):
            found = (
                value, variation, reason, rule, bucket, experiment, version, None, None,
                unit_type, unit_id,
            )  # fmt: skip
            return found if is_plain else new_evaluation(Evaluation, found)
        return otherwise

    return decide
