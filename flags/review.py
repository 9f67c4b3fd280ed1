"""Whether a change may apply at once, must wait for other eyes, or is refused, and whose eyes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.utils import timezone

from accounts.access import Access
from accounts.errors import DomainError, NotPermitted
from accounts.models import Environment, Team
from accounts.permissions import Permission
from flags import reach
from flags.drafting import OWN, Draft, living
from flags.edits import EditKind, InvalidEdit, Restore, ReviewRules, Steward, Stewards
from flags.ground import Ground, stewards_of
from flags.matters import Matter, tags_of, things_of
from flags.models.state import ReviewPolicy
from flags.models.state import Stewards as StewardsRow

# What decides about changes is no content: it may be mended during a freeze.
_ABOUT_REVIEW: Final = frozenset({EditKind.POLICY, EditKind.STEWARDS})
_RIGHTS: Final[Mapping[EditKind, Permission]] = {
    EditKind.STATE: Permission.EDIT_TARGETING,
    EditKind.DEFINITION: Permission.EDIT_FLAGS,
    EditKind.SEGMENT: Permission.EDIT_SEGMENTS,
    EditKind.HOLDOUT: Permission.EDIT_SEGMENTS,
    EditKind.LAYER: Permission.EDIT_EXPERIMENTS,
    EditKind.UNITS: Permission.MANAGE_PROJECT,
    EditKind.POLICY: Permission.MANAGE_POLICY,
    EditKind.STEWARDS: Permission.MANAGE_POLICY,
}


class CodeFreeze(DomainError):
    """The environment accepts no changes just now."""

    code = "code_freeze"
    status = 409
    hint = "Wait for the end of the freeze, or ask an admin of the project to lift it."


class NotYours(NotPermitted):
    """Only the people of certain teams may change this."""

    hint = "Ask one of these teams to make the change, or an admin to mend who looks after it."


@dataclass(frozen=True, slots=True)
class Demand:
    """So many approvals; with teams, of their people only. `reason` says who asks for it, `place`
    names the environment that does."""

    approvals: int
    teams: tuple[str, ...]
    reason: str
    place: str = ""

    def counts(self, teams: frozenset[str]) -> bool:
        """Whether the approval of somebody in these teams is one of those asked for."""
        return not self.teams or not teams.isdisjoint(self.teams)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What must be approved before the change applies: every demand. None: it applies at once.

    One person's approval counts for each demand it answers.
    """

    demands: tuple[Demand, ...] = ()

    @property
    def needs_approval(self) -> bool:
        """Whether the change has to wait."""
        return bool(self.demands)

    @property
    def approvals(self) -> int:
        """How many people it takes at least."""
        return max((demand.approvals for demand in self.demands), default=0)

    @property
    def groups(self) -> tuple[str, ...]:
        """The teams that are asked."""
        return tuple(sorted({team for demand in self.demands for team in demand.teams}))

    def asked(self) -> dict[str, object]:
        """Whom a request for review reaches, as its line in the ledger says it: the teams of the
        demands that name some, and the project's reviewers where a demand names none. A request
        that nothing demands is still a question to them."""
        everybody = not self.demands or any(not demand.teams for demand in self.demands)
        return {"reviewers": list(self.groups), "project_reviewers": everybody}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each demand as a sentence."""
        return tuple(demand.reason for demand in self.demands)


FREE: Final = Verdict()


class Outlook(StrEnum):
    """What would become of a change."""

    FREE = "free"
    REVIEW = "review"
    FROZEN = "frozen"
    NOT_YOURS = "not_yours"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a button may promise before it is pressed."""

    outlook: Outlook
    sentence: str
    approvals: int = 0
    teams: tuple[str, ...] = ()
    until: datetime | None = None
    # The environments that ask for a review.
    places: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        return self.outlook is Outlook.FREE

    @property
    def needs_review(self) -> bool:
        return self.outlook is Outlook.REVIEW

    @property
    def is_frozen(self) -> bool:
        return self.outlook is Outlook.FROZEN

    @property
    def is_refused(self) -> bool:
        return self.outlook is Outlook.NOT_YOURS


_APPLIES: Final = Forecast(Outlook.FREE, "Applies at once.")
_NEW_THERE: Final = "This version never stood there."


def verdict(
    access: Access,
    environments: Sequence[Environment],
    judged: Sequence[Matter],
    ground: Ground | None = None,
) -> Verdict:
    """What a change must wait for, freeze or not; whoever asks about many has one ground for all.

    The strictest of all it reaches. Metadata is never reviewed, unless it gives or takes away a
    tag that stewards guard. A roll back and the kill switch need a right of their own and a
    reason, never a review; but what all share comes back unseen only to where it once stood.
    """
    ground = ground or Ground(access.project)
    reviewed = [matter for matter in judged if _is_reviewed(matter, ground.stewards)]
    return Verdict(tuple(_demands(access, environments, reviewed, ground)))


def check_freeze(
    access: Access, environments: Sequence[Environment], judged: Sequence[Matter]
) -> None:
    """Raise CodeFreeze while an environment that would change takes no changes."""
    stewards = stewards_of(access.project)
    reviewed = [matter for matter in judged if _is_reviewed(matter, stewards)]
    frozen = _freeze(access, environments, reviewed)
    if frozen is not None:
        raise CodeFreeze(frozen.sentence, until=frozen.until and frozen.until.isoformat())


def narrow(access: Access, judged: Iterable[Matter]) -> None:
    """Refuse changes of what other teams look after; owners and urgent edits pass."""
    stewards = stewards_of(access.project)
    for matter in judged:
        if not matter.edits or not all(edit.urgent for edit in matter.edits):
            _narrow(access, matter.things, stewards)


def require_editor(access: Access, kind: str, key: str) -> None:
    """For other rooms: refuse whoever may not change this flag, segment, experiment or tag."""
    _narrow(access, {(kind, key)}, stewards_of(access.project))


def check_teams(access: Access, drafts: Iterable[Draft]) -> None:
    """A policy or a steward rule that names a team nobody knows would wait for nobody."""
    named = {
        team
        for draft in drafts
        if draft.kind in _ABOUT_REVIEW
        for team in _teams_in(draft.after) - _teams_in(draft.before)
    }
    known = Team.objects.within(access.organization).filter(key__in=named)
    missing = sorted(named - set(known.values_list("key", flat=True)))
    if missing:
        raise InvalidEdit(
            f"there is no team {missing[0]} in {access.organization.name}",
            where="reviewers",
            hint="Use the key of a team, or make the team first.",
        )


def forecast(access: Access, kind: EditKind, key: str) -> Forecast:
    """What would become of an ordinary edit of this target, in the access's environment."""
    right = _RIGHTS[kind]
    if not access.may(right):
        return Forecast(Outlook.NOT_YOURS, f"You may not {right} in {access.project.name}.")
    ground = Ground(access.project)
    things = frozenset(things_of(kind, key, tags_of(access.project, kind, key)))
    matter = Matter(kind, key, None, things)
    try:
        _narrow(access, things, ground.stewards)
    except NotYours as refusal:
        return Forecast(Outlook.NOT_YOURS, str(refusal))
    environments = [access.environment] if kind in OWN else living(access)
    return _foreseen(access, environments, matter, ground)


def forecast_return(access: Access, kind: EditKind, key: str, edit: Restore) -> Forecast:
    """What would become of a roll back of this target."""
    matter = Matter(kind, key, (edit,), frozenset())
    if not matter.returns:
        return _APPLIES
    found = _foreseen(access, living(access), matter, Ground(access.project))
    return replace(found, sentence=f"{found.sentence} {_NEW_THERE}") if not found.is_free else found


def _foreseen(
    access: Access, environments: Sequence[Environment], matter: Matter, ground: Ground
) -> Forecast:
    frozen = _freeze(access, environments, [matter])
    if frozen is not None:
        return frozen
    found = Verdict(tuple(_demands(access, environments, [matter], ground)))
    if not found.needs_approval:
        return _APPLIES
    return Forecast(
        Outlook.REVIEW,
        " ".join(found.reasons),
        approvals=found.approvals,
        teams=found.groups,
        places=tuple(demand.place for demand in found.demands if demand.place),
    )


def _is_reviewed(matter: Matter, stewards: Stewards) -> bool:
    edits = matter.edits
    if edits is None or any(not edit.metadata and not edit.urgent for edit in edits):
        return True
    if matter.kind not in OWN and any(isinstance(edit, Restore) for edit in edits):
        # Where it never stood (flags.reach), or with whatever else is written beside it.
        return True
    # A tag may carry a review: to take it away unseen would be the way round it.
    rules = [stewards.of("tag", tag) for tag in matter.retagged]
    return any(rule is not None and (rule.reviewers or rule.approvals) for rule in rules)


# --- who is asked


def demand_of(environment: Environment, policy: ReviewRules) -> Demand:
    """What an environment's own policy asks for."""
    asked = _asked(policy.approvals, policy.reviewers)
    reason = f"{environment.name} {asked}"
    return Demand(policy.approvals, policy.reviewers, reason, environment.name)


def _demands(
    access: Access,
    environments: Sequence[Environment],
    judged: Sequence[Matter],
    ground: Ground,
) -> Iterator[Demand]:
    # One may come back from the archive with what all share: that is no way past its review.
    asking = list(environments)
    if any(matter.kind not in OWN for matter in judged):
        asking = list({one.pk: one for one in [*environments, *ground.archived]}.values())
    reached = {
        one.pk for matter in judged for one in reach.reached(access, asking, matter, ground.uses)
    }
    for environment in asking:
        policy = ground.policies.get(environment.pk)
        if policy is not None and policy.approvals and environment.pk in reached:
            yield demand_of(environment, policy)
    # Who looks after a thing saw what comes back of it.
    things = {thing for matter in judged if not matter.returns for thing in matter.things}
    stewards = ground.stewards
    touched = [rule for rule in stewards.rules if (rule.kind, rule.key) in things]
    dropped = [rule for matter in judged for rule in matter.dropped]
    for rule in dict.fromkeys([*touched, *dropped]):
        yield from _demands_of(rule)
    yield from _demands_behind(access, judged, frozenset(things), ground)


def _demands_behind(
    access: Access, judged: Sequence[Matter], things: frozenset[tuple[str, str]], ground: Ground
) -> Iterator[Demand]:
    """What others depend on is a side door to them: their stewards are asked too."""
    asking = [rule for rule in ground.stewards.rules if rule.reviewers or rule.approvals]
    if not asking:
        return
    found = dict[tuple[str, str], str]()
    for matter in judged:
        how = "needs" if matter.kind == EditKind.STATE else "uses"
        behind = reach.behind(access, matter, ground.uses) - things
        found = {**dict.fromkeys(behind, how), **found}
    for rule in asking:
        if (rule.kind, rule.key) in found:
            how = found[rule.kind, rule.key]
            yield from _demands_of(rule, f", which {how} what changes here,")


def _demands_of(rule: Steward, why: str = "") -> Iterator[Demand]:
    name = f"The {rule.kind} {rule.key}{why}"
    for team in rule.reviewers:
        yield Demand(1, (team,), f"{name} {_asked(1, (team,))}")
    if rule.approvals and rule.approvals > min(1, len(rule.reviewers)):
        asked = _asked(rule.approvals, rule.reviewers)
        yield Demand(rule.approvals, rule.reviewers, f"{name} {asked}")


def _asked(approvals: int, teams: Sequence[str]) -> str:
    many = f"{approvals} approval{'' if approvals == 1 else 's'}"
    return f"asks for {many} by {' or '.join(teams)}." if teams else f"asks for {many}."


def _narrow(access: Access, things: Iterable[tuple[str, str]], stewards: Stewards) -> None:
    # Owners look after everything.
    if access.may(Permission.MANAGE_ORGANIZATION):
        return
    for kind, key in sorted(things):
        rule = stewards.of(kind, key)
        if rule is not None and rule.editors and access.teams.isdisjoint(rule.editors):
            teams = " or ".join(rule.editors)
            raise NotYours(f"Only {teams} may change the {kind} {key}.", teams=list(rule.editors))


def _teams_in(document: object) -> set[str]:
    if isinstance(document, ReviewRules):
        return set(document.reviewers)
    if isinstance(document, Stewards):
        return {team for one in document.rules for team in (*one.editors, *one.reviewers)}
    return set()


# --- what is stored


def rules(environments: Iterable[Environment]) -> dict[Any, ReviewRules]:
    """The review policy of each environment that has one, by its id; none means free."""
    rows = ReviewPolicy.across_tenants.filter(environment__in=list(environments))
    return {row.environment_id: ReviewRules.from_json(row.document) for row in rows}


def policy(access: Access) -> tuple[ReviewRules, int]:
    """The review policy of the access's environment, and its version."""
    row = ReviewPolicy.objects.within(access.environment).first()
    return (ReviewRules.from_json(row.document), row.version) if row else (ReviewRules(), 0)


def stewards(access: Access) -> tuple[Stewards, int]:
    """The project's stewards, and the version of that list."""
    row = StewardsRow.objects.within(access.project).first()
    return (Stewards.from_json(row.document), row.version) if row else (Stewards(), 0)


def _freeze(
    access: Access, environments: Sequence[Environment], judged: Sequence[Matter]
) -> Forecast | None:
    """The freeze that holds these up, if one does."""
    shut = freezes(environments)
    # Seldom is one frozen, and where a segment reaches is a long question.
    held = [one for one in judged if shut and one.kind not in _ABOUT_REVIEW]
    reached = (one.pk for matter in held for one in reach.reached(access, environments, matter))
    return next((shut[pk] for pk in reached if pk in shut), None)


def freezes(environments: Sequence[Environment]) -> dict[Any, Forecast]:
    """What is said of each environment that is frozen now, by its id."""
    now, names = timezone.now(), {one.pk: one.name for one in environments}
    found = {}
    for pk, policy_here in rules(environments).items():
        window = policy_here.freeze(now)
        if policy_here.frozen:
            found[pk] = Forecast(Outlook.FROZEN, f"Changes are frozen in {names[pk]}.")
        elif window is not None:
            why = f" {_as_sentence(window.reason)}" if window.reason else ""
            until = f"{window.ends:%Y-%m-%d %H:%M %Z}".strip()
            sentence = f"Changes are frozen in {names[pk]} until {until}.{why}"
            found[pk] = Forecast(Outlook.FROZEN, sentence, until=window.ends)
    return found


def _as_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
