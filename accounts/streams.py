"""Where the filters of the ledger meet.

Each filter lets through a stream of lines that an index keeps in order: the index ends in the
sequence. A page of several filters is where these walks, from the newest line down, meet; lines are
read only once they are known to be wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeAlias

from django.db import connection
from django.db.models import BooleanField, F, Max, Min, QuerySet
from django.db.models.expressions import RawSQL

from accounts.access import Access
from accounts.filters import Wanted
from accounts.models import AuditEntry, AuditSubject, Environment, Organization, Project
from accounts.permissions import Permission

# A piece of a name may stand for at most so many people or objects.
MEANT_AT_MOST: Final = 20
# Of so many different values at most a choice is offered, or a piece of a name looked up.
VALUES_AT_MOST: Final = 5_000
# Lines stand in the order of their commits; the clock may have been set back so far in between.
CLOCK_STEPS: Final = timedelta(hours=1)
# "flag.*" means every act on flags.
GROUP: Final = ".*"
# Kinds whose keys are numbers, ever more of them: a piece of a number means nothing.
NUMBERED: Final = frozenset({"change"})

# So many lines of a stream are walked before the rarest is looked for again: few first, then more.
FIRST_SPAN: Final = 500
SPAN_GROWS: Final = 8
LAST_SPAN: Final = 32_000

# What one filter lets through: the lines of any of these. Of none: nothing can be found.
Stream: TypeAlias = Sequence["QuerySet[Any]"]
# A statement and the values in it.
Written: TypeAlias = tuple[str, list[Any]]

# Asks a stream for the lines found before. As an array they are looked up in the index, in order;
# of a subquery PostgreSQL would make a join as it sees fit.
HELD: Final = {
    "postgresql": "sequence = ANY(ARRAY(SELECT sequence FROM s{}))",
    "sqlite": "sequence IN (SELECT sequence FROM s{})",
}
WHERE_THEY_MEET: Final = "WITH {} SELECT sequence FROM s{}"


@dataclass(frozen=True, slots=True)
class Search:
    """Filters looked up once: what they let through, between which lines, and in which time."""

    streams: tuple[Stream, ...]
    above: int = 0
    below: int | None = None
    since: datetime | None = None
    until: datetime | None = None


NOTHING: Final = Search(((),))


def search(access: Access, wanted: Wanted) -> Search:
    """What the filters mean in this history."""
    if wanted.project and access.at_project is None:
        access = _in_project(access, wanted.project)
    tenant = whose(access)
    asked = [
        by(access, wanted)
        for given, by in (
            (wanted.person, _by_person),
            (wanted.action, _by_action),
            (wanted.environment, _by_environment),
            (wanted.kind or wanted.key, _by_object),
            (wanted.tag, _by_tag),
        )
        if given
    ]
    every: Stream = [AuditEntry.objects.within(tenant)]
    return _in_time(access, wanted, tuple(asked) or (every,))


def newest(found: Search, before: int | None, most: int) -> list[int]:
    """The sequences of the newest lines that all streams hold, newest first.

    Of several streams one is walked along and the others are asked for its lines. It is the one
    that has the fewest lines here; which that is, is looked at anew every so many lines: what was
    frequent once may be rare now. PostgreSQL is left no choice of plan: it would read whole streams.
    """
    if not all(found.streams):
        return []
    below = min((end for end in (before, found.below) if end is not None), default=None)
    if len(found.streams) == 1:
        return _fetched(*_top(found.streams[0], found.above, below, most), most)
    met: list[int] = []
    span = FIRST_SPAN
    while True:
        edges = [_nth(stream, found.above, below, span) for stream in found.streams]
        rarest_first = sorted(zip(edges, found.streams, strict=True), key=lambda one: one[0] or 0)
        edge, ranked = rarest_first[0][0], [stream for _, stream in rarest_first]
        above = found.above if edge is None else edge - 1
        met += _meeting(ranked, above, below, most - len(met))
        if edge is None or len(met) == most:
            return met
        below, span = edge, min(span * SPAN_GROWS, LAST_SPAN)


def _nth(stream: Stream, above: int, below: int | None, number: int) -> int | None:
    """Where the stream's line of that number stands, from the newest down; None if there is none."""
    text, given = _top(stream, above, below, number)
    statement = "SELECT sequence FROM ({}) top ORDER BY sequence DESC LIMIT 1 OFFSET %s"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(text), [*given, number - 1])
        row = cursor.fetchone()
        return int(row[0]) if row else None


def _meeting(streams: Sequence[Stream], above: int, below: int | None, most: int) -> list[int]:
    """The newest lines that all of them hold: those of the first, of these those of the second..."""
    first, *others = streams
    parts = [_written(_between(first, above, below))]
    for number, other in enumerate(others):
        held = RawSQL(HELD[connection.vendor].format(number), (), BooleanField())  # noqa: S611 - ours
        parts.append(_written([rows.filter(held) for rows in other]))
    tables = [f"s{number} AS MATERIALIZED ({text})" for number, (text, _) in enumerate(parts)]
    statement = WHERE_THEY_MEET.format(", ".join(tables), len(others))
    return _fetched(statement, [value for _, given in parts for value in given], most)


def _top(stream: Stream, above: int, below: int | None, most: int) -> Written:
    """The newest lines of each part of a stream, each by a walk along its index."""
    return _written([rows.order_by("-sequence")[:most] for rows in _between(stream, above, below)])


def _between(stream: Stream, above: int, below: int | None) -> Stream:
    between = {"sequence__gt": above} if above else {}
    between |= {"sequence__lt": below} if below is not None else {}
    return [rows.filter(**between) for rows in stream]


def _written(stream: Stream, column: str = "sequence") -> Written:
    """All parts of a stream as SQL."""
    parts = [rows.values_list(column).query.sql_with_params() for rows in stream]
    part = "SELECT {} FROM ({}) p{}"
    texts = [part.format(column, text, number) for number, (text, _) in enumerate(parts)]
    return " UNION ALL ".join(texts), [value for _, given in parts for value in given]


def _fetched(text: str, given: Sequence[Any], most: int) -> list[int]:
    # A line about two objects is found by both.
    statement = "SELECT DISTINCT sequence FROM ({}) met ORDER BY sequence DESC LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(text), [*given, most])
        return [sequence for (sequence,) in cursor.fetchall()]


def whose(access: Access) -> Project | Organization:
    """A project's history is for whoever may view it, the whole organization's for its owners."""
    if access.at_project is not None:
        return access.at_project
    access.require(Permission.MANAGE_ORGANIZATION)
    return access.organization


# --- what a filter can choose from


def actions(access: Access) -> list[str]:
    """Which kinds of acts the history holds."""
    return _values(access, AuditEntry, "action")


def people(access: Access, most: int = VALUES_AT_MOST) -> list[str]:
    """Who acted."""
    return _values(access, AuditEntry, "actor_label", most=most)


def kinds(access: Access) -> list[str]:
    """What kinds of objects were acted on."""
    return [kind for kind in _values(access, AuditSubject, "kind") if kind != "tag"]


def tags(access: Access, most: int = VALUES_AT_MOST) -> list[str]:
    """Which tags the flags acted on carried."""
    return _keys(access, "tag", most)


def _keys(access: Access, kind: str, most: int = VALUES_AT_MOST) -> list[str]:
    found = _values(access, AuditSubject, "key", kind=kind, most=most)
    return [key for key in found if key != AuditSubject.ANY]


def _values(
    access: Access,
    table: type[AuditEntry | AuditSubject],
    column: str,
    *,
    kind: str = "",
    most: int = VALUES_AT_MOST,
) -> list[str]:
    """The different values of an indexed column, one step in the index for each.

    DISTINCT would read every line: 0.4 s where this takes 4 ms (1,000,000 lines, 40 values).
    """
    tenant = whose(access)
    owner = "project_id" if isinstance(tenant, Project) else "organization_id"
    names = {"table": table._meta.db_table, "column": column, "tenant": owner}
    quoted = {name: connection.ops.quote_name(value) for name, value in names.items()}
    here = f"{quoted['tenant']} = %s" + (" AND kind = %s" if kind else "")
    statement = (  # names of our own, quoted; values are parameters
        "WITH RECURSIVE found(value) AS (SELECT MIN({column}) FROM {table} WHERE {here}"
        " UNION ALL SELECT (SELECT MIN({column}) FROM {table} WHERE {here}"
        " AND {column} > found.value) FROM found WHERE found.value IS NOT NULL)"
        " SELECT value FROM found WHERE value IS NOT NULL LIMIT %s"
    )
    of_tenant = Project._meta.pk.get_db_prep_value(tenant.pk, connection)
    given = [of_tenant, kind] if kind else [of_tenant]
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**quoted, here=here), [*given, *given, most])
        return [value for (value,) in cursor.fetchall()]


# --- the filters


def _in_project(access: Access, key: str) -> Access:
    """An owner's view of one project; of none, if there is no such."""
    access.require(Permission.MANAGE_ORGANIZATION)
    found = Project.objects.within(access.organization).filter(key=key).first()
    return replace(access, at_project=found or Project(organization=access.organization))


def _by_person(access: Access, wanted: Wanted) -> Stream:
    lines = AuditEntry.objects.within(whose(access))
    exact = lines.filter(actor_label=wanted.person)
    if exact.exists():
        return [exact]
    return [lines.filter(actor_label=one) for one in _meant(people(access), wanted.person)]


def _by_action(access: Access, wanted: Wanted) -> Stream:
    lines = AuditEntry.objects.within(whose(access))
    if not wanted.action.endswith(GROUP):
        return [lines.filter(action=wanted.action)]
    start = wanted.action.removesuffix("*")
    return [lines.filter(action=one) for one in actions(access) if one.startswith(start)]


def _by_environment(access: Access, wanted: Wanted) -> Stream:
    places = Environment.objects.within(whose(access)).filter(key=wanted.environment)
    return [AuditEntry.objects.within(place) for place in places]


def _by_object(access: Access, wanted: Wanted) -> Stream:
    """The object named by its whole key, else those whose keys hold the piece given; or a kind."""
    about = AuditSubject.objects.within(whose(access))
    if not wanted.key:
        return [about.filter(kind=wanted.kind, key=AuditSubject.ANY)]
    asked = [wanted.kind] if wanted.kind else kinds(access)
    known = _kinds_with([about.filter(kind=kind, key=wanted.key) for kind in asked])
    if known:
        return [about.filter(kind=kind, key=wanted.key) for kind in known]
    named = [kind for kind in asked if kind not in NUMBERED]
    found = ((kind, key) for kind in named for key in _meant(_keys(access, kind), wanted.key))
    return [about.filter(kind=kind, key=key) for kind, key in islice(found, MEANT_AT_MOST)]


def _kinds_with(stream: Stream) -> list[str]:
    """The kinds of those parts of a stream that hold any line."""
    if not stream:
        return []
    with connection.cursor() as cursor:
        cursor.execute(*_written([rows[:1] for rows in stream], "kind"))
        return [kind for (kind,) in cursor.fetchall()]


def _by_tag(access: Access, wanted: Wanted) -> Stream:
    return [AuditSubject.objects.within(whose(access)).filter(kind="tag", key=wanted.tag)]


def _meant(values: Sequence[str], piece: str) -> list[str]:
    """What has this in its name, in any case of letters."""
    piece = piece.lower()
    return [value for value in values if piece in value.lower()][:MEANT_AT_MOST]


# --- the time


def _in_time(access: Access, wanted: Wanted, streams: tuple[Stream, ...]) -> Search:
    """Between the first and the last line of the time asked for: those between are of it as well,
    save where the clock was set back."""
    since, until = wanted.period()
    clock = AuditEntry.objects.within(access.organization)
    above, below = 0, None
    if since is not None:
        first = clock.filter(at__gte=since).order_by("at").values_list("at", flat=True).first()
        if first is None:
            return NOTHING
        above = _edge(clock.filter(at__gte=since, at__lte=first + CLOCK_STEPS), Min) - 1
    if until is not None:
        last = clock.filter(at__lt=until).order_by("-at").values_list("at", flat=True).first()
        if last is None:
            return NOTHING
        below = _edge(clock.filter(at__lt=until, at__gte=last - CLOCK_STEPS), Max) + 1
    return Search(streams, above, below, since, until)


def _edge(rows: QuerySet[AuditEntry], which: type[Min] | type[Max]) -> int:
    # Of the bare column PostgreSQL would look for the least by walking all lines before.
    found: int = rows.aggregate(edge=which(F("sequence") + 0))["edge"]
    return found
