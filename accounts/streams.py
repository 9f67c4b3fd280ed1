"""Where the filters of the ledger meet.

Each filter lets through a stream of lines that an index keeps in order: the index ends in the
sequence. A page of several filters is where these walks, from the newest line down, meet; lines are
read only once they are known to be wanted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeAlias

from django.db import connection
from django.db.models import F, Max, Min, QuerySet

from accounts import audit
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

# So many lines of a stream are walked before the rarest is looked for again; then it is enough for
# one question: streams that are frequent and never meet would be walked down to their ends.
SPANS: Final = (500, 4_000, 32_000)

# A statement and the values in it.
Written: TypeAlias = tuple[str, Sequence[Any]]
# What one filter lets through: the sequences these statements find. Of none: nothing can be found.
Stream: TypeAlias = Sequence[Written]

# Added to the statements of a stream, which end in their conditions.
BETWEEN: Final = " AND sequence > %s AND sequence < %s"
NEWEST_FIRST: Final = " ORDER BY sequence DESC LIMIT %s"
# Asks a stream for the lines found before. As an array they are looked up in the index, in order;
# of a subquery PostgreSQL would make a join as it sees fit.
HELD: Final = {
    "postgresql": " AND sequence = ANY(ARRAY(SELECT sequence FROM s{}))",
    "sqlite": " AND sequence IN (SELECT sequence FROM s{})",
}
WHERE_THEY_MEET: Final = "WITH {} SELECT sequence FROM s{}"
NTH: Final = "(SELECT sequence FROM ({}) top ORDER BY sequence DESC LIMIT 1 OFFSET %s)"
ABOVE_ALL: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Search:
    """Filters looked up once: what they let through, between which lines, and in which time."""

    streams: tuple[Stream, ...]
    above: int = 0
    below: int = ABOVE_ALL
    since: datetime | None = None
    until: datetime | None = None


NOTHING: Final = Search(((),))


@dataclass(frozen=True, slots=True)
class Found:
    """Lines, newest first, and below which line nothing was looked for yet; None: these are all."""

    sequences: Sequence[int]
    rest: int | None = None


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
    every = _stream([AuditEntry.objects.within(tenant)])
    return _in_time(access, wanted, tuple(asked) or (every,))


def newest(asked: Search, before: int | None, most: int) -> Found:
    """The newest lines that all streams hold, at most so many; the rest is for another question.

    Of several streams one is walked along and the others are asked for its lines. It is the one
    that has the fewest lines here; which that is, is looked at anew every so many lines: what was
    frequent once may be rare now. PostgreSQL is left no choice of plan: it would read whole streams.
    """
    if not all(asked.streams):
        return Found(())
    below = asked.below if before is None else min(before, asked.below)
    if len(asked.streams) == 1:
        met = _fetched(*_top(asked.streams[0], asked.above, below, most), most)
        return Found(met, met[-1] if len(met) == most else None)
    met = []
    for span in SPANS:
        edges = _nths(asked.streams, asked.above, below, span)
        rarest_first = sorted(zip(edges, asked.streams, strict=True), key=lambda one: one[0] or 0)
        edge, ranked = rarest_first[0][0], [stream for _, stream in rarest_first]
        above = asked.above if edge is None else edge - 1
        met += _meeting(ranked, above, below, most - len(met))
        if len(met) == most:
            return Found(met, met[-1])
        if edge is None:
            return Found(met)
        below = edge
    return Found(met, below)


def _nths(streams: Sequence[Stream], above: int, below: int, number: int) -> Sequence[int | None]:
    """Where the line of that number of each stream stands, from the newest down; None: there is none."""
    texts, given = [], list[Any]()
    for stream in streams:
        text, values = _top(stream, above, below, number)
        texts.append(NTH.format(text))
        given += [*values, number - 1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(texts), given)
        found: Sequence[int | None] = cursor.fetchone()
        return found


def _meeting(streams: Sequence[Stream], above: int, below: int, most: int) -> list[int]:
    """The newest lines that all of them hold: those of the first, of these those of the second..."""
    first, *others = streams
    parts = [_either(first, BETWEEN, above, below)]
    held = HELD[connection.vendor]
    parts += [_either(other, held.format(number)) for number, other in enumerate(others)]
    tables = [f"s{number} AS MATERIALIZED ({text})" for number, (text, _) in enumerate(parts)]
    statement = WHERE_THEY_MEET.format(", ".join(tables), len(others))
    return _fetched(statement, [value for _, given in parts for value in given], most)


def _top(stream: Stream, above: int, below: int, most: int) -> Written:
    """The newest lines of each part of a stream, each by a walk along its index."""
    return _either(stream, BETWEEN + NEWEST_FIRST, above, below, most)


def _either(stream: Stream, condition: str, *values: int) -> Written:
    """All parts of a stream as one statement, each under one more condition."""
    part = "SELECT sequence FROM ({}{}) p{}"
    texts = [part.format(text, condition, number) for number, (text, _) in enumerate(stream)]
    return " UNION ALL ".join(texts), [value for _, given in stream for value in (*given, *values)]


def _stream(parts: Iterable["QuerySet[Any]"]) -> Stream:
    """Written out once: each is asked several times."""
    columns = (rows.order_by().values_list("sequence") for rows in parts)
    return [rows.query.sql_with_params() for rows in columns]


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
    return [kind for kind in _values(access, AuditSubject, "kind") if kind not in audit.BESIDE]


def tags(access: Access, most: int = VALUES_AT_MOST) -> list[str]:
    """Which tags the flags acted on carried."""
    return _keys(access, audit.TAG, most)


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
        return _stream([exact])
    return _stream(lines.filter(actor_label=one) for one in _meant(people(access), wanted.person))


def _by_action(access: Access, wanted: Wanted) -> Stream:
    """Lines named for the act, and changes of several things that are this act besides."""
    lines = AuditEntry.objects.within(whose(access))
    beside = AuditSubject.objects.within(whose(access)).filter(kind=audit.ACT, key=wanted.action)
    if not wanted.action.endswith(GROUP):
        return _stream([lines.filter(action=wanted.action), beside])
    start = wanted.action.removesuffix("*")
    meant = [one for one in actions(access) if one.startswith(start)]
    return _stream([*(lines.filter(action=one) for one in meant), beside])


def _by_environment(access: Access, wanted: Wanted) -> Stream:
    """Lines that stand there, and those after which something else is served there."""
    places = Environment.objects.within(whose(access)).filter(key=wanted.environment)
    served = AuditSubject.objects.within(whose(access))
    served = served.filter(kind=audit.SERVED, key=wanted.environment)
    return _stream([*(AuditEntry.objects.within(place) for place in places), served])


def _by_object(access: Access, wanted: Wanted) -> Stream:
    """The object named by its whole key, else those whose keys hold the piece given; or a kind."""
    about = AuditSubject.objects.within(whose(access))
    if not wanted.key:
        return _stream([about.filter(kind=wanted.kind, key=AuditSubject.ANY)])
    asked = [wanted.kind] if wanted.kind else kinds(access)
    known = _kinds_with(about, asked, wanted.key)
    if known:
        return _stream(about.filter(kind=kind, key=wanted.key) for kind in known)
    named = [kind for kind in asked if kind not in NUMBERED]
    found = ((kind, key) for kind in named for key in _meant(_keys(access, kind), wanted.key))
    few = islice(found, MEANT_AT_MOST)
    return _stream(about.filter(kind=kind, key=key) for kind, key in few)


def _kinds_with(about: "QuerySet[AuditSubject]", kinds: Sequence[str], key: str) -> list[str]:
    """The kinds of which there is an object of that key."""
    streams = [_stream([about.filter(kind=kind, key=key)]) for kind in kinds]
    newest_of = _nths(streams, 0, ABOVE_ALL, 1) if streams else ()
    return [kind for kind, line in zip(kinds, newest_of, strict=True) if line is not None]


def _by_tag(access: Access, wanted: Wanted) -> Stream:
    about = AuditSubject.objects.within(whose(access))
    return _stream([about.filter(kind=audit.TAG, key=wanted.tag)])


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
    above, below = 0, ABOVE_ALL
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
