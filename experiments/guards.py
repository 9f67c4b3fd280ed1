"""What running experiments have against changes of their flags; registered in flags.guards."""

from collections.abc import Iterator

from accounts.models import Environment
from experiments import queries
from experiments.models import Experiment
from flags.edits import EditKind, FlagDefinition, LayerDefinition
from flags.guards import Proposed
from wayfork.engine import FlagState, Rule


def keep_split_intact(proposed: Proposed) -> Iterator[str]:
    """A split changes only by its experiment's own verbs, and nobody fakes one by hand."""
    if proposed.kind != EditKind.STATE or not isinstance(proposed.after, FlagState):
        return
    before = _experiment_rules(proposed.before)
    after = _experiment_rules(proposed.after)
    started = {
        experiment.key: experiment
        for experiment in Experiment.objects.within(proposed.access.environment)
        .under_way()
        .filter(flag_key=proposed.key)
    }
    for key, rules in before.items():
        if key not in started or rules == after.get(key):
            continue
        # What is about to end may go, not change.
        if not started[key].is_ending or key in after:
            yield f"Experiment {key} is running on this rule: stop or decide it instead."
    for key, rules in after.items():
        if key in started and key not in before and len(rules) > 1:
            yield f"Experiment {key} has one rule, the one its start makes."
    for key in after:
        if key not in started and key not in before:
            yield (
                f"Experiment {key} is not running, and only its start makes its split."
                " Choose a state without it, or start a new experiment."
            )


def keep_arms_served(proposed: Proposed) -> Iterator[str]:
    """A flag under experiment is not archived, and its arms' variations stay as they are."""
    if proposed.kind != EditKind.DEFINITION or not isinstance(proposed.before, FlagDefinition):
        return
    after = proposed.after
    if not isinstance(after, FlagDefinition):
        return
    for environment in proposed.environments:
        for experiment in queries.running(environment):
            if experiment.flag_key != proposed.key:
                continue
            if after.archived and not proposed.before.archived:
                yield f"Experiment {experiment.key} is running on this flag in {environment.name}."
            for arm in experiment.arms.all():
                old = proposed.before.variations.get(arm.variation)
                if after.variations.get(arm.variation) != old:
                    yield f"Experiment {experiment.key} is measuring {arm.variation} just now."


def keep_slots(proposed: Proposed) -> Iterator[str]:
    """A layer's slot is the share of its rule: it stays while the rule's experiment runs."""
    if proposed.kind != EditKind.LAYER or not isinstance(proposed.after, LayerDefinition):
        return
    before = proposed.before if isinstance(proposed.before, LayerDefinition) else None
    for environment in proposed.environments:
        for experiment in queries.running(environment):
            old = before.allocation(experiment.rule_id) if before else None
            if proposed.after.allocation(experiment.rule_id) != old:
                yield f"Experiment {experiment.key} is running in {environment.name} on this slot."


def keep_environment(environment: Environment) -> Iterator[str]:
    """An environment stays while an experiment runs there."""
    for experiment in queries.running(environment):
        yield f"Experiment {experiment.key} is running in {environment.name}: stop or decide it."


def _experiment_rules(document: object) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    if isinstance(document, FlagState):
        for rule in document.rules:
            if rule.experiment:
                found.setdefault(rule.experiment, []).append(rule)
    return found
