"""Where a change reaches: the environments whose rules speak about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.access import Access
from accounts.models import Environment, Project
from flags import past
from flags.drafting import OWN
from flags.edits import EditKind
from flags.matters import Matter, things_of
from flags.models.change import WAITING, Change
from flags.models.state import Flag, FlagRow, Segment
from flags.past import names_segment


class Uses:
    """Who asks for each segment, looked up once however often it is asked."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, list[_Use]] = {}
        self._things: dict[frozenset[str], frozenset[tuple[str, str]]] = {}

    def of(self, segment: str) -> "list[_Use]":
        """Whatever asks for a segment, now or once."""
        if segment not in self._known:
            self._known[segment] = list(_uses(self._project, segment))
        return self._known[segment]

    def things(self, flags: frozenset[str]) -> frozenset[tuple[str, str]]:
        """Some flags with their tags, as stewards name them."""
        if flags not in self._things:
            tagged = Flag.objects.within(self._project).filter(key__in=flags)
            self._things[flags] = frozenset(
                thing
                for key, document in tagged.values_list("key", "document")
                for thing in things_of(EditKind.STATE, key, document["tags"])
            )
        return self._things[flags]


def reached(
    access: Access, environments: Sequence[Environment], matter: Matter, uses: Uses | None = None
) -> list[Environment]:
    """The environments whose policy speaks: a segment's are those that use it, or did; what comes
    back is new only where it never stood."""
    if matter.kind in OWN:
        return [access.environment]
    found = list(environments)
    if matter.kind == EditKind.SEGMENT:
        asking = uses or Uses(access.project)
        using = {use.environment for use in asking.of(matter.key)}
        # None stands for all of them.
        found = [one for one in found if None in using or one.pk in using]
    return _strangers(access, found, matter) if matter.returns else found


def _strangers(
    access: Access, environments: Sequence[Environment], matter: Matter
) -> list[Environment]:
    ids = {
        one.pk
        for number in matter.returns
        for one in past.strangers(access.project, environments, matter.kind, matter.key, number)
    }
    return [one for one in environments if one.pk in ids]


def behind(access: Access, matter: Matter, asking: Uses) -> frozenset[tuple[str, str]]:
    """What stewards may have named among those that ask for a segment: flags with their tags, and
    the experiments whose rules do. Whom they hold changes with it."""
    if matter.kind != EditKind.SEGMENT:
        return frozenset()
    uses = asking.of(matter.key)
    if matter.returns:
        everywhere = list(Environment.objects.within(access.project))
        new = {one.pk for one in _strangers(access, everywhere, matter)}
        uses = [use for use in uses if use.environment is None or use.environment in new]
    found = asking.things(frozenset(use.key for use in uses if use.kind == EditKind.STATE))
    return found | {("experiment", name) for use in uses for name in use.experiments}


@dataclass(frozen=True, slots=True)
class _Use:
    """A document that asks for a segment. The environment None stands for all."""

    environment: Any
    kind: str
    key: str
    experiments: tuple[str, ...]


def _uses(project: Project, segment: str) -> Iterator[_Use]:
    """What asks for a segment, through other segments too.

    What waits for review counts: nobody may change a segment behind an approval that names it. So
    does what once was in force: a roll back may bring it back, and nobody is to change the segment
    before that unseen.
    """
    names, before = _askers(project, segment)
    yield from before
    rows = FlagRow.objects.within(project)
    for environment, key, document in rows.values_list("environment_id", "flag__key", "document"):
        if names_segment(document, names):
            experiments = _experiments(document, names)
            yield _Use(environment, EditKind.STATE, key, experiments)
    waiting = Change.objects.within(project).filter(status__in=WAITING)
    for environment, parts in waiting.values_list("environment_id", "parts"):
        for part in parts:
            kind, key = part["target"]["kind"], part["target"]["key"]
            # Its own edits are no use of it; a flag may have the same key.
            is_own = (kind, key) == (EditKind.SEGMENT, segment)
            if not is_own and names_segment(part["after"], names):
                yield _Use(environment, kind, key, _experiments(part["after"], names))


def _experiments(document: Mapping[str, Any], names: set[str]) -> tuple[str, ...]:
    """Those whose rules ask for one of the segments."""
    return tuple(
        rule["experiment"]
        for rule in document.get("rules", ())
        if isinstance(rule, Mapping) and rule.get("experiment") and names_segment(rule, names)
    )


def _askers(project: Project, segment: str) -> tuple[set[str], list[_Use]]:
    """A segment and those that ask for it, now or once; and the states that did."""
    documents = dict(Segment.objects.within(project).values_list("key", "document"))
    names, waiting, before = set[str](), {segment}, list[_Use]()
    while waiting:
        names |= waiting
        asked = [one for name in waiting for one in past.askers(project, name)]
        # Experiments begin anew: what one once asked for does not come back.
        before += [
            _Use(one.environment, one.kind, one.key, ())
            for one in asked
            if one.kind == EditKind.STATE
        ]
        now = {key for key, document in documents.items() if names_segment(document, waiting)}
        waiting = (now | {one.key for one in asked if one.kind == EditKind.SEGMENT}) - names
    return names, before
