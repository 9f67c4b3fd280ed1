"""Where a change reaches: the environments whose rules speak about it, and what depends on it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    """Who asks for a segment, a flag, a holdout or a place in a layer, looked up once however often
    it is asked. What waits for review counts as what stands does: nobody is to change a thing
    behind an approval that names it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, list[_Use]] = {}
        self._things: dict[frozenset[str], frozenset[tuple[str, str]]] = {}

    def of(self, segment: str) -> "list[_Use]":
        """Whatever asks for a segment, now or once."""
        if segment not in self._known:
            self._known[segment] = list(_uses(self._project, segment, self._waiting))
        return self._known[segment]

    def needing(self, flags: Iterable[tuple[Any, str]]) -> "list[_Use]":
        """The flags that have one of these, each in its environment, as a prerequisite, through
        others too."""
        found, seen, waiting = list[_Use](), set[tuple[Any, str]](), list(flags)
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                found += self._needing.get(one, ())
                waiting += [(use.environment, use.key) for use in self._needing.get(one, ())]
        return found

    def respecting(self, holdout: str) -> "list[_Use]":
        """The flags that keep a holdout's units out."""
        return [
            _Use(environment, EditKind.STATE, key, _experiments(document))
            for environment, key, document in self._states(document__holdout=holdout)
            if document.get("holdout") == holdout
        ]

    def holding(self, rules: frozenset[str]) -> "list[_Use]":
        """The flags these rules, by their ids, belong to."""
        if not rules:
            return []
        return [
            _Use(environment, EditKind.STATE, key, _experiments({"rules": held}))
            for environment, key, document in self._states()
            if (held := [rule for rule in document.get("rules", ()) if rule["id"] in rules])
        ]

    @cached_property
    def _needing(self) -> "dict[tuple[Any, str], list[_Use]]":
        """Who has each flag, in each environment, as a prerequisite."""
        found = defaultdict[tuple[Any, str], list[_Use]](list)
        for environment, key, document in self._states(document__prerequisites__0__isnull=False):
            for needed in document.get("prerequisites", ()):
                use = _Use(environment, EditKind.STATE, key, _experiments(document))
                found[environment, needed["flag"]].append(use)
        return dict(found)

    def _states(self, **where: Any) -> list[tuple[Any, str, Mapping[str, Any]]]:
        """Flags as they stand, with their environments, and as requests would leave them."""
        rows = FlagRow.objects.within(self._project).filter(**where)
        asked = [
            (environment, part["target"]["key"], part["after"])
            for environment, part in self._waiting
            if part["target"]["kind"] == EditKind.STATE
        ]
        return [*rows.values_list("environment_id", "flag__key", "document"), *asked]

    @cached_property
    def _waiting(self) -> list[tuple[Any, Mapping[str, Any]]]:
        """The parts of the requests under way."""
        rows = Change.objects.within(self._project).filter(status__in=WAITING)
        found = rows.values_list("environment_id", "parts")
        return [(environment, part) for environment, parts in found for part in parts]

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
    """What stewards may have named among those that depend on what changes: flags with their tags,
    and the experiments whose rules do. Whom they hold changes with it."""
    uses = _direct(access, matter, asking)
    flags = {(use.environment, use.key) for use in uses if use.kind == EditKind.STATE}
    if matter.kind == EditKind.STATE:
        flags = {(access.environment.pk, matter.key)}
    uses = [*uses, *asking.needing(flags)]
    found = asking.things(frozenset(use.key for use in uses if use.kind == EditKind.STATE))
    return found | {("experiment", name) for use in uses for name in use.experiments}


def _direct(access: Access, matter: Matter, asking: Uses) -> "list[_Use]":
    """What names the thing itself."""
    if matter.kind == EditKind.HOLDOUT:
        return asking.respecting(matter.key)
    if matter.kind == EditKind.LAYER:
        return asking.holding(matter.moved)
    if matter.kind != EditKind.SEGMENT:
        return []
    uses = asking.of(matter.key)
    if matter.returns:
        everywhere = list(Environment.objects.within(access.project))
        new = {one.pk for one in _strangers(access, everywhere, matter)}
        uses = [use for use in uses if use.environment is None or use.environment in new]
    return uses


@dataclass(frozen=True, slots=True)
class _Use:
    """A document that asks for something. The environment None stands for all."""

    environment: Any
    kind: str
    key: str
    experiments: tuple[str, ...]


def _uses(
    project: Project, segment: str, asked: Iterable[tuple[Any, Mapping[str, Any]]]
) -> Iterator[_Use]:
    """What asks for a segment, through other segments too, or would by a request under way.

    So does what once was in force: a roll back may bring it back, and nobody is to change the
    segment before that unseen.
    """
    names, before = _askers(project, segment)
    yield from before
    rows = FlagRow.objects.within(project)
    for environment, key, document in rows.values_list("environment_id", "flag__key", "document"):
        if names_segment(document, names):
            experiments = _experiments(document, names)
            yield _Use(environment, EditKind.STATE, key, experiments)
    for environment, part in asked:
        kind, key = part["target"]["kind"], part["target"]["key"]
        # Its own edits are no use of it; a flag may have the same key.
        is_own = (kind, key) == (EditKind.SEGMENT, segment)
        if not is_own and names_segment(part["after"], names):
            yield _Use(environment, kind, key, _experiments(part["after"], names))


def _experiments(document: Mapping[str, Any], segments: set[str] | None = None) -> tuple[str, ...]:
    """Those that have a rule here; with segments, one that asks for any of these."""
    return tuple(
        rule["experiment"]
        for rule in document.get("rules", ())
        if isinstance(rule, Mapping)
        and rule.get("experiment")
        and (segments is None or names_segment(rule, segments))
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
