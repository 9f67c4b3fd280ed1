"""Whether there are people enough for the approvals that a policy or a steward rule would ask for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accounts import holders
from accounts.models import Project, TeamMember
from accounts.permissions import Permission
from flags.drafting import Draft
from flags.edits import InvalidEdit, ReviewRules, Stewards


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many approvals, of these teams if there are any, and for what."""

    approvals: int
    teams: tuple[str, ...]
    what: str = ""


def check(project: Project, drafts: Iterable[Draft]) -> None:
    """Refuse what nobody could ever satisfy: it would hold at once, for its own undoing too, and
    only going past review would lead out. What is asked for already is left: people may have left.
    """
    for one in drafts:
        before = set(_wanted(one.before))
        for wanted in _wanted(one.after):
            if wanted not in before:
                _require_people(project, wanted)


def _wanted(document: object) -> Iterator[Wanted]:
    if isinstance(document, ReviewRules) and document.approvals:
        yield Wanted(document.approvals, document.reviewers)
    if isinstance(document, Stewards):
        for rule in document.rules:
            name = f"the {rule.kind} {rule.key}: "
            yield from (Wanted(1, (team,), name) for team in rule.reviewers)
            if rule.approvals:
                yield Wanted(rule.approvals, rule.reviewers, name)


def _require_people(project: Project, wanted: Wanted) -> None:
    able = {one.pk for one in holders.of_right(project, Permission.REVIEW)}
    if wanted.teams:
        rows = TeamMember.objects.within(project.organization)
        rows = rows.filter(team__key__in=wanted.teams, membership__in=able)
        able = set(rows.values_list("membership_id", flat=True))
    writing = {one.pk for one in holders.of_right(project, Permission.EDIT_TARGETING)}
    # Nobody approves their own change; whoever reviews nothing may write it.
    most = len(able) if writing - able else len(able) - 1
    if most >= wanted.approvals:
        return
    teams = f" of {' or '.join(wanted.teams)}" if wanted.teams else ""
    asked = f"{wanted.approvals} approval{'' if wanted.approvals == 1 else 's'}{teams}"
    people = f"only {most} {'person' if most == 1 else 'people'}" if most > 0 else "nobody"
    raise InvalidEdit(
        f"{wanted.what}{asked} could never be given: besides the author of a change {people}{teams}"
        f" may review in {project.name}.",
        where="reviewers" if wanted.teams else "approvals",
        hint="Ask for fewer approvals, or first let more people review here.",
    )
