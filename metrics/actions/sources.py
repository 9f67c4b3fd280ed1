"""Connecting a team's own database, and the queries that say who was assigned what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import ProtectedError
from django.utils import timezone

from accounts import sealing
from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb, verb_after
from metrics import queries
from metrics.models import AssignmentQuery, EventSource, Fact
from metrics.warehouses.contracts import Contract
from metrics.warehouses.errors import WarehouseError
from metrics.warehouses.probes import ConnectionFacts


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What a person says about an event source; `password` None keeps the one stored."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    password: str | None = None
    timeout_seconds: int = 30


def _try_new(access: Access, key: str, plan: SourcePlan) -> None:
    source = EventSource(project=access.project, key=key)
    _take_over(source, plan)
    queries.try_connection(source)


@verb_after(Permission.MANAGE_SOURCES, _try_new)
def connect(access: Access, key: str, plan: SourcePlan) -> Recorded[EventSource]:
    """Remember how to reach a database. It is tried first; what fails is told and not stored."""
    queries.check_key(key)
    if EventSource.objects.within(access.project).filter(key=key).exists():
        raise AlreadyExists(f"There is an event source {key} already.")
    source = EventSource(project=access.project, key=key)
    _write(source, plan)
    return Recorded(source, "event_source.connected", key, after=queries.source_json(source))


def _try_changed(access: Access, key: str, plan: SourcePlan) -> None:
    source = queries.source(access, key)
    _take_over(source, plan)
    queries.try_connection(source)


@verb_after(Permission.MANAGE_SOURCES, _try_changed)
def reconnect(access: Access, key: str, plan: SourcePlan) -> Recorded[EventSource]:
    """Change how a database is reached; tried first, like connecting."""
    source = queries.source(access, key)
    before = queries.source_json(source)
    _write(source, plan)
    after = queries.source_json(source)
    return Recorded(source, "event_source.changed", key, before=before, after=after)


@verb(Permission.MANAGE_SOURCES)
def disconnect(access: Access, key: str) -> Recorded[None]:
    """Forget a database that no fact and no experiment reads."""
    source = queries.source(access, key)
    if Fact.objects.within(access.project).filter(source=source).exists():
        raise InvalidInput(f"Facts still read {key}.", hint="Remove those facts first.")
    before = queries.source_json(source)
    try:
        source.delete()
    except ProtectedError as error:
        raise InvalidInput(
            f"Experiments still read {key}.", hint="Their results stand on its assignments."
        ) from error
    return Recorded(None, "event_source.disconnected", key, before=before)


def _write(source: EventSource, plan: SourcePlan) -> None:
    _take_over(source, plan)
    source.checked_at, source.problem = timezone.now(), ""
    source.save()


def _take_over(source: EventSource, plan: SourcePlan) -> None:
    if plan.kind not in EventSource.Kind.values:
        raise InvalidInput(f"{plan.kind!r} is no kind of event source.", where="kind")
    if not 1 <= plan.timeout_seconds <= 600:
        raise InvalidInput("The time limit is 1 to 600 seconds.", where="timeout_seconds")
    source.name = plan.name.strip() or source.key
    source.kind = plan.kind
    source.settings = dict(plan.settings)
    source.timeout_seconds = plan.timeout_seconds
    if plan.password is not None:
        source.secret = sealing.seal(plan.password)


def try_out(access: Access, key: str, plan: SourcePlan) -> ConnectionFacts:
    """Reach a database as planned and store nothing; `key` names a source whose password may serve."""
    access.require(Permission.MANAGE_SOURCES)
    source = queries.source(access, key) if key else EventSource(project=access.project)
    _take_over(source, plan)
    return queries.try_connection(source)


def check(access: Access, key: str) -> str:
    """Try a stored source again and remember what came of it: the problem, or nothing."""
    access.require(Permission.EDIT_METRICS)
    source = queries.source(access, key)
    try:
        queries.try_connection(source)
    except WarehouseError as error:
        source.problem = f"{error} {error.hint}"[:500]
    else:
        source.problem = ""
    source.checked_at = timezone.now()
    source.save(update_fields=["problem", "checked_at"])
    return source.problem


def _run_new(
    access: Access,
    source_key: str,
    key: str,  # noqa: ARG001 - the verb's signature
    *,
    name: str,  # noqa: ARG001 - the verb's signature
    unit_type: str,  # noqa: ARG001 - the verb's signature
    sql: str,
) -> None:
    queries.validate(queries.source(access, source_key), sql, Contract.ASSIGNMENT)


@verb_after(Permission.EDIT_METRICS, _run_new)
def define_assignment_query(
    access: Access, source_key: str, key: str, *, name: str, unit_type: str, sql: str
) -> Recorded[AssignmentQuery]:
    """Say how this source records assignments; the query is run and its columns are checked."""
    queries.check_key(key)
    source = queries.source(access, source_key)
    if AssignmentQuery.objects.within(access.project).filter(key=key).exists():
        raise AlreadyExists(f"There is an assignment query {key} already.")
    query = AssignmentQuery.objects.create(
        source=source, key=key, name=name.strip() or key, unit_type=unit_type, sql=sql
    )
    after = {"source": source_key, "unit_type": unit_type, "sql": sql}
    return Recorded(query, "assignment_query.defined", key, after=after)


def _run_changed(access: Access, key: str, *, sql: str) -> None:
    queries.validate(queries.assignment_query(access, key).source, sql, Contract.ASSIGNMENT)


@verb_after(Permission.EDIT_METRICS, _run_changed)
def redefine_assignment_query(access: Access, key: str, *, sql: str) -> Recorded[AssignmentQuery]:
    """Change an assignment query's text; run and checked first."""
    query = queries.assignment_query(access, key)
    before, query.sql = query.sql, sql
    query.save(update_fields=["sql"])
    return Recorded(query, "assignment_query.changed", key, before=before, after=sql)
