"""A long history for benchmarks.audit: chained lines, as many as asked for, within a minute or two."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts import access as tickets
from accounts import audit
from accounts.actions import organizations
from accounts.models import AuditEntry, AuditHead, AuditSubject, Environment, Project, User

START = datetime(2023, 11, 1, tzinfo=UTC)
YEARS = timedelta(days=3 * 365)
PROJECTS, FLAGS, OTHERS, PEOPLE, TAGS = 10, 2_000, 200, 60, 40
# Things that happened only within the first hundredth of the history, and then no more.
OLD_FLAG, OLD_PERSON, OLD_TAG = "flag-old", "gone@example.org", "tag-old"
# A third of all that happened within the first third, and then no more.
BUSY_ONCE_FLAG, BUSY_ONCE_PERSON, BUSY_ONCE_TAG = "flag-once", "once@example.org", "tag-once"
# A tenth of everything, and always the same act: it never met any other.
ROBOT, ROBOTS_ACT = "robot@example.org", "metric.changed"
ACTS = {
    "flag.changed": 55,
    "flag.created": 6,
    "segment.changed": 8,
    "change.submitted": 10,
    "change.approved": 9,
    "experiment.started": 3,
    "metric.changed": 3,
    "sdk_key.created": 2,
    "role.set": 2,
    "token.created": 2,
}
ENTRY = ("id", *audit.HASHED, "previous_hash", "hash")
SUBJECT = ("entry_id", "organization_id", "project_id", "sequence", "kind", "key")
NULL = "\\N"
PIECE = 500


@dataclass(frozen=True)
class Ground:
    """The organization whose history is long."""

    owner: User
    organization: Any
    projects: list[Any]
    environments: dict[Any, list[Any]]


def lay() -> Ground:
    """One organization with an owner and its projects."""
    owner = User.objects.create_user("owner@example.org", uuid.uuid4().hex)
    organization = organizations.create_organization("bench", "Bench", owner)
    access = tickets.of_member(owner, "bench")
    for number in range(PROJECTS):
        organizations.create_project(access, f"project-{number}", f"Project {number}")
    projects = list(Project.objects.within(organization).order_by("key"))
    places = {one.pk: list(Environment.objects.within(one)) for one in projects}
    return Ground(owner, organization, projects, places)


def fill(ground: Ground, lines: int) -> None:
    """Write chained lines as fast as the database takes them: COPY, and the indexes afterwards."""
    head = AuditHead.objects.get(organization=ground.organization)
    about: list[str] = []
    with transaction.atomic(), _without_indexes(), connection.cursor() as cursor:
        with cursor.copy(_copy(AuditEntry, ENTRY)) as copy:
            for piece in _chained(_History(ground, lines), head, lines, about):
                copy.write(piece)
        with cursor.copy(_copy(AuditSubject, SUBJECT)) as copy:
            for start in range(0, len(about), PIECE):
                copy.write("".join(about[start : start + PIECE]))
        AuditHead.objects.filter(pk=head.pk).update(sequence=head.sequence, hash=head.hash)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE accounts_auditentry, accounts_auditsubject")


def _chained(history: "_History", head: AuditHead, lines: int, about: list[str]) -> Iterator[str]:
    """The rows as COPY reads them, some at a time; the head moves on, the index of subjects grows."""
    rows = []
    for number in range(lines):
        row_id, content, subjects = history.line(number, head.sequence + 1)
        previous, head.hash = head.hash, audit.chained(head.hash, content)
        head.sequence += 1
        rows.append(_row((row_id, *content, previous, head.hash)))
        place = f"{row_id}\t{content[0]}\t{content[1]}\t{head.sequence}"
        about += [f"{place}\t{kind}\t{key}\n" for kind, key in audit.terms(subjects)]
        if len(rows) == PIECE:
            yield "".join(rows)
            rows.clear()
    yield "".join(rows)


@contextmanager
def _without_indexes() -> Iterator[None]:
    """An index is made of a million rows in a second, and kept for each of them in a minute."""
    wanted = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
    tables = [AuditEntry._meta.db_table, AuditSubject._meta.db_table]
    with connection.cursor() as cursor:
        cursor.execute(wanted + " AND indexdef NOT LIKE 'CREATE UNIQUE%%'", [tables])
        found = cursor.fetchall()
        # Nor are the rows' organizations looked up one by one.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for _, definition in found:
            cursor.execute(definition)


def _copy(table: Any, columns: tuple[str, ...]) -> str:
    return f"COPY {table._meta.db_table} ({', '.join(columns)}) FROM STDIN"


def _row(values: tuple[Any, ...]) -> str:
    """A row as COPY reads it; nothing here needs escaping."""
    return "\t".join(NULL if value is None else str(value) for value in values) + "\n"


class _History:
    """The hashed fields of each line, in their order, and what the line is about."""

    def __init__(self, ground: Ground, lines: int) -> None:
        self._chance = chance = random.Random(7)
        self._lines = lines
        self._step = YEARS / lines
        self._organization = str(ground.organization.pk)
        self._places = [
            (str(project.pk), [str(one.pk) for one in ground.environments[project.pk]])
            for project in ground.projects
        ]
        self._acts = chance.choices(list(ACTS), list(ACTS.values()), k=lines)
        # As the canonical form has them: made once, for the filling is not what is measured.
        self._documents = [str(audit.as_text(document(chance))) for _ in range(500)]
        self._requests = 0

    def line(self, number: int, sequence: int) -> tuple[str, list[Any], list[list[str]]]:
        """The row's id, its hashed fields, and what it is about."""
        chance = self._chance
        draw = chance.random()
        project, environments = self._places[0 if draw < 0.6 else int(draw * 1e6) % PROJECTS]
        person, flag, tag = self._names(number / self._lines)
        action = ROBOTS_ACT if person == ROBOT else self._acts[number]
        subjects = self._about(action, flag, tag)
        before, after = chance.choice(self._documents), chance.choice(self._documents)
        fields = {
            "organization_id": self._organization,
            "project_id": project,
            "environment_id": environments[int(draw * 1e5) % len(environments)],
            "sequence": sequence,
            "at": (START + self._step * number).isoformat(timespec="microseconds"),
            "actor_id": None,
            "actor_label": person,
            "on_behalf_of": "",
            "token": "",
            "via": "page",
            "address": "192.0.2.7",
            "request_id": f"{chance.getrandbits(128):032x}",
            "action": action,
            "target": flag,
            "summary": f"rules[0].share: {int(draw * 1e5)} → {int(draw * 1e4)}",
            "subjects": self._written(subjects),
            "before": f'{{"{flag}": {before}}}',
            "after": f'{{"{flag}": {after}}}',
            "reason": "a step of the release" if draw < 0.3 else "",
        }
        content = [fields[name] for name in audit.HASHED]
        return str(uuid.UUID(int=chance.getrandbits(128))), content, subjects

    def _written(self, subjects: list[list[str]]) -> str:
        """As PostgreSQL writes it; nothing here needs escaping."""
        return "[" + ", ".join(f'["{kind}", "{key}"]' for kind, key in subjects) + "]"

    def _names(self, age: float) -> tuple[str, str, str]:
        chance = self._chance
        draw = chance.random()
        if age < 0.01 and draw < 0.1:
            return OLD_PERSON, OLD_FLAG, OLD_TAG
        if age < 0.33 and draw < 0.4:
            return BUSY_ONCE_PERSON, BUSY_ONCE_FLAG, BUSY_ONCE_TAG
        flag, tag = f"flag-{_weighted(chance, FLAGS)}", f"tag-{_weighted(chance, TAGS)}"
        if draw > 0.9:
            return ROBOT, flag, tag
        return f"person-{_weighted(chance, PEOPLE)}@example.org", flag, tag

    def _about(self, action: str, flag: str, tag: str) -> list[list[str]]:
        noun = action.partition(".")[0]
        if noun == "flag":
            return [["flag", flag], ["tag", tag]]
        if noun == "change":
            # Each request is asked for and approved.
            self._requests += action == "change.submitted"
            return [["flag", flag], ["tag", tag], ["change", str(self._requests)]]
        # Fewer than flags, each kind with keys of its own.
        kind = audit.KINDS.get(noun, noun)
        return [[kind, f"{kind}-{_weighted(self._chance, OTHERS)}"]]


def document(chance: random.Random) -> dict[str, Any]:
    """A flag's state of about 600 bytes."""
    rules = [
        {
            "id": uuid.UUID(int=chance.getrandbits(128)).hex,
            "when": [{"attribute": "country", "op": "in", "values": ["DE", "AT", "CH"]}],
            "serve": chance.choice(["on", "off"]),
            "share": chance.randrange(100_000),
        }
        for _ in range(3)
    ]
    return {"enabled": chance.random() < 0.5, "fallthrough": "on", "rules": rules}


def _weighted(chance: random.Random, most: int) -> int:
    """A few names are used all the time, most of them seldom."""
    return min(int(chance.paretovariate(0.6)), most) - 1
