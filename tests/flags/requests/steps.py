"""Steps that stories about change requests share."""

from typing import Any

from accounts.models import AuditEntry, Membership, Team, TeamMember
from flags import changes, docket, queries, requests
from flags.changes import Outcome, Pending
from flags.edits import Edit, EditKind, SetReviewRules, SetStewards, TurnOn
from flags.models import Change
from tests.world.cast import Person, World
from tests.world.factories import submit

FLAG = "quote-form"


def ask_for_review(
    world: World, approvals: int = 1, *, environment: str = "production", **rules
) -> None:
    """A policy, made by the owner while there is none."""
    target = changes.Target(EditKind.POLICY, environment)
    edit = SetReviewRules(approvals, **rules)
    changes.submit(world.olivia.at(environment), target, [edit], expected_version=0)


def appoint(world: World, *stewards: dict, version: int = 0) -> Outcome:
    """The whole list of stewards."""
    target = changes.Target(EditKind.STEWARDS, "stewards")
    return changes.submit(
        world.olivia.at(), target, [SetStewards(stewards)], expected_version=version
    )


def make_team(world: World, key: str, *people: Person) -> Team:
    """A team of some people."""
    team = Team.objects.create(organization=world.organization, key=key, name=key.title())
    for person in people:
        membership = Membership.objects.within(world.organization).get(user=person.user)
        TeamMember.objects.create(team=team, membership=membership)
    return team


def leave(world: World, person: Person) -> None:
    """Somebody is deactivated."""
    Membership.objects.within(world.organization).filter(user=person.user).update(is_active=False)


def number_of(change: Change) -> int:
    """A request's number."""
    assert change.number is not None
    return change.number


def said(line: AuditEntry) -> dict[str, Any]:
    """What a ledger line holds of after."""
    assert isinstance(line.after, dict)
    return line.after


def propose(person: Person, *edits: Edit, environment: str = "production") -> Change:
    """A change that has to wait."""
    outcome = submit(person.at(environment), FLAG, *(edits or (TurnOn(),)), comment="please")
    assert isinstance(outcome, Pending)
    return outcome.change


def approve(person: Person, change: Change, **more) -> Outcome:
    """Approve what the request says now."""
    now = docket.request(person.at(), number_of(change))
    return requests.approve(person.at(), number_of(change), content_hash=now.content_hash, **more)


def is_on(world: World, environment: str = "production", flag: str = FLAG) -> bool:
    """What SDKs are served."""
    served = queries.snapshot(getattr(world, environment))
    assert served is not None
    return served.flags[flag].enabled


def again(person: Person, change: Change) -> Change:
    """The request as it is now."""
    return docket.request(person.at(), number_of(change))
