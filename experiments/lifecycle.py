"""The life of an experiment before its decision: draft, start, stop. Flags change by submit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.access import Access
from accounts.errors import AlreadyExists, DomainError, InvalidInput
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb
from experiments import moves, queries
from experiments.design import MetricRole, State
from experiments.models import Arm, Experiment, ExperimentMetric
from experiments.models.experiment import is_refused
from flags import changes, review, snapshots
from flags import queries as flag_queries
from flags.changes import Applied, Outcome, Pending, Unchanged
from flags.edits import AddRule, RemoveRule, check_storable
from flags.edits.documents import check_key
from flags.edits.salts import fresh
from metrics.models import AssignmentQuery, Metric
from wayfork.engine import Allocation, Clause, ParseError, Rule, Split

STEPS: Final = 100_000


class WrongState(DomainError):
    """The experiment's state does not allow this move."""

    code = "wrong_state"
    status = 409


class NotReady(DomainError):
    """The launch check found something that must be settled first."""

    code = "launch_blocked"
    status = 422


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """A variation, its weight in steps of 100,000, and what a team's own record calls it."""

    variation: str
    weight: int
    is_control: bool = False
    treatment: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a person says about an experiment before it starts."""

    name: str
    arms: tuple[ArmPlan, ...]
    metrics: tuple[tuple[str, MetricRole], ...]
    flag_key: str = ""
    assignment_query: str = ""
    external_id: str = ""
    hypothesis: str = ""
    unit_type: str = "user"
    audience: tuple[Mapping[str, object], ...] = ()
    share_steps: int = STEPS
    planned_days: int = 14


@verb(Permission.EDIT_EXPERIMENTS)
def create(access: Access, key: str, plan: Plan) -> Recorded[Experiment]:
    """Write down an experiment as a draft."""
    check_key(key)
    if Experiment.objects.within(access.environment).filter(key__iexact=key).exists():
        raise AlreadyExists(f"There is an experiment {key} here already.")
    check_plan(access, plan)
    experiment = Experiment(
        environment=access.environment, key=key, author=access.actor.user, rule_id=fresh()
    )
    _write(access, experiment, plan)
    return Recorded(experiment, "experiment.created", key, after=queries.plan_json(experiment))


@verb(Permission.EDIT_EXPERIMENTS)
def revise(access: Access, key: str, plan: Plan, *, expected_version: int) -> Recorded[Experiment]:
    """Rewrite a draft's plan. What runs is not rewritten: stop it and begin another."""
    review.require_editor(access, "experiment", key)
    experiment = _locked(access, key, {State.DRAFT})
    if experiment.start_asked_at is not None:
        raise WrongState(f"{key} waits for its start to be approved; its plan is settled.")
    if experiment.version != expected_version:
        raise changes.StaleVersion(key, expected=expected_version, actual=experiment.version)
    check_plan(access, plan)
    before = queries.plan_json(experiment)
    experiment.version += 1
    _write(access, experiment, plan)
    # Read again: the arms that were fetched with the row are those of the plan before.
    after = queries.plan_json(queries.experiment(access, key))
    return Recorded(experiment, "experiment.revised", key, before=before, after=after)


def start(access: Access, key: str, *, comment: str = "") -> Outcome | None:
    """Begin: the flag gets the experiment's rule, first in its list, by an ordinary change.

    Returns the change's outcome; None where a team's own pipeline assigns and no flag is touched.
    """
    access.require(Permission.EDIT_EXPERIMENTS)
    review.require_editor(access, "experiment", key)
    with transaction.atomic():
        experiment = _locked(access, key, {State.DRAFT})
        if experiment.start_asked_at is not None:
            raise WrongState(f"The start of {key} waits for review already.")
        # Locked before anything is read of the flag: another start must not pass the same check.
        snapshots.lock_heads([access.environment])
        problems = launch_problems(access, experiment)
        if problems:
            raise NotReady(" ".join(problems), hint="Settle these first.", problems=problems)
        experiment.start_asked_at = timezone.now()
        # Saved before the change is submitted: the guard accepts only a started experiment's rule.
        experiment.save(update_fields=["start_asked_at"])
        outcome = _add_rule(access, experiment, comment) if experiment.flag_key else None
        experiment.start_change = change_of(outcome)
        experiment.save(update_fields=["start_change"])
        moves.record(access, moves.STARTED, key, outcome, reason=comment)
    return outcome


def stop(access: Access, key: str, *, reason: str) -> Outcome | None:
    """End the split: everybody gets what the flag serves without the experiment.

    A stopped experiment goes on asking for its decision until it has one.
    """
    access.require(Permission.EDIT_EXPERIMENTS)
    review.require_editor(access, "experiment", key)
    if not reason.strip():
        raise changes.ReasonMissing("Stopping an experiment asks for a reason.")
    with transaction.atomic():
        experiment = _locked(access, key, {State.RUNNING})
        if experiment.stop_asked_at is not None:
            raise WrongState(f"The stop of {key} waits for review already.")
        experiment.stop_asked_at = timezone.now()
        experiment.save(update_fields=["stop_asked_at"])
        outcome = end_split(access, experiment, [], reason)
        experiment.stop_change = change_of(outcome)
        experiment.save(update_fields=["stop_change"])
        moves.record(access, moves.STOPPED, key, outcome, reason=reason)
    return outcome


def end_split(
    access: Access, experiment: Experiment, more: Sequence[Any], reason: str
) -> Outcome | None:
    """Take the experiment's rule away, with more edits in the same change."""
    if not experiment.flag_key:
        return None
    # Locked before it is read: nobody's edit may come between and make this one stale.
    snapshots.lock_heads([access.environment])
    flag = flag_queries.flag(access, experiment.flag_key)
    has_rule = any(rule.id == experiment.rule_id for rule in flag.state.rules)
    edits = [*([RemoveRule(experiment.rule_id)] if has_rule else []), *more]
    if not edits:
        return None
    target = changes.state(experiment.flag_key)
    return changes.submit(
        access,
        target,
        edits,
        expected_version=flag.version,
        comment=reason,
        experiment=experiment.key,
    )


def change_of(outcome: Outcome | None) -> Any:
    """The change behind an outcome, if there is one."""
    match outcome:
        case Applied(change=change) | Pending(change=change):
            return change
        case Unchanged() | None:
            return None


def _add_rule(access: Access, experiment: Experiment, comment: str) -> Outcome:
    flag = flag_queries.flag(access, experiment.flag_key)
    rule = rule_of(experiment)
    return changes.submit(
        access,
        changes.state(experiment.flag_key),
        [AddRule(rule, position=0)],
        expected_version=flag.version,
        comment=comment or f"Start experiment {experiment.key}",
        experiment=experiment.key,
    )


def rule_of(experiment: Experiment) -> Rule:
    """The experiment as a rule of its flag: who takes part, and how they are split.

    Share and split use different salts, so a larger share never moves anyone between arms.
    """
    unit = experiment.unit_type
    return Rule(
        id=experiment.rule_id,
        name=experiment.name,
        when=tuple(
            Clause.from_json(clause, where=f"audience[{index}]")
            for index, clause in enumerate(experiment.audience)
        ),
        allocation=Allocation(unit, f"{experiment.rule_id}.share", ((0, experiment.share_steps),)),
        serve=Split(
            unit,
            f"{experiment.rule_id}.split",
            tuple((arm.variation, arm.weight) for arm in experiment.arms.all()),
        ),
        experiment=experiment.key,
    )


def launch_problems(access: Access, experiment: Experiment) -> list[str]:
    """What blocks a start, as sentences."""
    found = []
    roles = [chosen.role for chosen in experiment.chosen_metrics.all()]
    if MetricRole.PRIMARY not in roles:
        found.append("Choose a primary metric: the one that decides.")
    if experiment.flag_key:
        found += _flag_problems(access, experiment)
    return found


def _flag_problems(access: Access, experiment: Experiment) -> list[str]:
    flag = flag_queries.flag(access, experiment.flag_key)
    found = []
    if flag.definition.archived:
        found.append(f"The flag {experiment.flag_key} is archived.")
    if not flag.state.enabled:
        place = access.environment.name
        found.append(f"The flag {experiment.flag_key} is off in {place}: turn it on first.")
    missing = [
        arm.variation
        for arm in experiment.arms.all()
        if arm.variation not in flag.definition.variations
    ]
    found += [f"The flag has no variation {variation}." for variation in missing]
    others = (
        Experiment.objects.within(access.environment)
        .running()
        .filter(flag_key=experiment.flag_key)
        .exclude(pk=experiment.pk)
    )
    found += [f"Experiment {other.key} is running on this flag already." for other in others]
    return found


# --- the plan


def check_plan(access: Access, plan: Plan) -> None:
    """Refuse a plan that could never start, naming the place."""
    if bool(plan.flag_key) == bool(plan.assignment_query):
        raise InvalidInput(
            "An experiment is assigned either by a flag or by an assignment query.",
            where="flag_key",
        )
    if not 0 < plan.share_steps <= STEPS:
        raise InvalidInput("The share lies above 0 % and at most 100 %.", where="share")
    if not 1 <= plan.planned_days <= 365:
        raise InvalidInput("The planned duration is 1 to 365 days.", where="planned_days")
    _check_arms(plan.arms)
    _check_audience(plan.audience)
    _check_metrics(access, plan)
    if plan.flag_key:
        _check_flag(access, plan)
    elif not plan.external_id.strip():
        raise InvalidInput(
            "Say which experiment_id of the assignment query is meant.", where="external_id"
        )


def _check_arms(arms: tuple[ArmPlan, ...]) -> None:
    if len(arms) < 2:
        raise InvalidInput("An experiment needs at least two arms.", where="arms")
    if any(_is_unusable(text) for arm in arms for text in (arm.variation, arm.treatment)):
        raise InvalidInput(
            "Names and treatments of arms have at most 100 characters.", where="arms"
        )
    if len({arm.variation for arm in arms}) != len(arms):
        raise InvalidInput("Each arm is another variation.", where="arms")
    if sum(arm.is_control for arm in arms) != 1:
        raise InvalidInput("Exactly one arm is the control.", where="arms")
    if any(arm.weight <= 0 for arm in arms) or sum(arm.weight for arm in arms) != STEPS:
        raise InvalidInput("The arms' weights are above 0 and sum to 100 %.", where="arms")


def _check_audience(audience: tuple[Mapping[str, object], ...]) -> None:
    for index, clause in enumerate(audience):
        check_storable(clause, f"audience[{index}]")
        try:
            Clause.from_json(clause, where=f"audience[{index}]")
        except ParseError as error:
            raise InvalidInput(f"{error.where}: {error.message}", where=error.where) from error


def _is_unusable(text: str) -> bool:
    # PostgreSQL stores no NUL; a control character in a name is a mistake anyway.
    return len(text) > 100 or any(ord(character) < 32 for character in text)


def _check_metrics(access: Access, plan: Plan) -> None:
    keys = [key for key, _ in plan.metrics]
    if len(set(keys)) != len(keys):
        raise InvalidInput("Each metric has one role.", where="metrics")
    found = Metric.objects.within(access.project).filter(key__in=keys, is_archived=False)
    known = set(found.values_list("key", flat=True))
    for key in keys:
        if key not in known:
            raise InvalidInput(f"There is no metric {key}.", where="metrics")
    if sum(role == MetricRole.PRIMARY for _, role in plan.metrics) > 1:
        raise InvalidInput("One metric is primary; the others are secondary.", where="metrics")
    if not plan.assignment_query and found.exclude(fact__source=None).exists():
        raise InvalidInput(
            "A metric over an event source needs its assignments from there too.",
            hint="Choose an assignment query of the same source, or metrics over SDK events.",
            where="metrics",
        )


def _check_flag(access: Access, plan: Plan) -> None:
    flag = flag_queries.flag(access, plan.flag_key)
    for arm in plan.arms:
        if arm.variation not in flag.definition.variations:
            known = ", ".join(flag.definition.variations)
            raise InvalidInput(
                f"The flag has no variation {arm.variation}.", hint=f"Use {known}.", where="arms"
            )
    units, _ = flag_queries.unit_types(access.project)
    names = [unit.name for unit in units.units]
    if plan.unit_type not in names:
        raise InvalidInput(
            f"{plan.unit_type} is no unit type of this project.",
            hint=f"Use {', '.join(names)}.",
            where="unit_type",
        )


def _write(access: Access, experiment: Experiment, plan: Plan) -> None:
    experiment.name = plan.name.strip() or experiment.key
    experiment.hypothesis = plan.hypothesis.strip()
    experiment.flag_key = plan.flag_key
    experiment.assignment_query = _assignment_query(access, plan)
    experiment.external_id = plan.external_id.strip()
    experiment.unit_type = plan.unit_type
    experiment.audience = [dict(clause) for clause in plan.audience]
    experiment.share_steps = plan.share_steps
    experiment.planned_days = plan.planned_days
    experiment.save()
    experiment.arms.all().delete()
    Arm.objects.bulk_create(
        Arm(
            experiment=experiment,
            variation=arm.variation,
            treatment=arm.treatment,
            weight=arm.weight,
            is_control=arm.is_control,
            position=position,
        )
        for position, arm in enumerate(plan.arms)
    )
    by_key = {
        metric.key: metric
        for metric in Metric.objects.within(access.project).filter(
            key__in=[key for key, _ in plan.metrics]
        )
    }
    experiment.chosen_metrics.all().delete()
    ExperimentMetric.objects.bulk_create(
        ExperimentMetric(experiment=experiment, metric=by_key[key], role=role, position=position)
        for position, (key, role) in enumerate(plan.metrics)
    )


def _assignment_query(access: Access, plan: Plan) -> AssignmentQuery | None:
    if not plan.assignment_query:
        return None
    queries_here = AssignmentQuery.objects.within(access.project)
    found: AssignmentQuery | None = queries_here.filter(key=plan.assignment_query).first()
    if found is None:
        raise InvalidInput(
            f"There is no assignment query {plan.assignment_query}.", where="assignment_query"
        )
    sources = Metric.objects.within(access.project).filter(key__in=[key for key, _ in plan.metrics])
    if sources.exclude(fact__source=found.source).exists():
        raise InvalidInput(
            f"Every metric must come from {found.source.name}, where the assignments are.",
            where="metrics",
        )
    return found


def _locked(access: Access, key: str, allowed: set[State]) -> Experiment:
    """The experiment, its row locked, in one of the states the move starts from."""
    experiment = lock(access, key)
    state = State(experiment.state)
    if state not in allowed:
        wanted = " or ".join(sorted(allowed))
        raise WrongState(f"{key} is {state}; this needs it to be {wanted}.", state=str(state))
    return experiment


def lock(access: Access, key: str) -> Experiment:
    """The experiment, its row locked, free of moves whose change was rejected or withdrawn.

    Nobody calls back when a change is refused: whoever makes the next move finds it out.
    """
    Experiment.objects.within(access.environment).select_for_update().filter(key=key).first()
    experiment = queries.experiment(access, key)
    for moment, change in (("start_asked_at", "start_change"), ("stop_asked_at", "stop_change")):
        if is_refused(getattr(experiment, change)):
            setattr(experiment, moment, None)
            setattr(experiment, change, None)
            experiment.save(update_fields=[moment, change])
    decision = getattr(experiment, "decision", None)
    if decision is None or not is_refused(decision.change):
        return experiment
    # What was decided and refused stands in the ledger; here it would block the next decision.
    decision.delete()
    return queries.experiment(access, key)
