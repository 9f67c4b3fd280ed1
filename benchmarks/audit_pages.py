"""The part of benchmarks.audit that runs where Django knows the database."""

import json
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from accounts import access as tickets
from accounts import audit, ledger, proofs
from accounts.actions import organizations
from accounts.models import AuditEntry, AuditHead, AuditSubject, Environment, Project, User
from benchmarks import audit as plan

ENTRY = ("id", *audit.HASHED, "previous_hash", "hash")
SUBJECT = ("entry_id", "organization_id", "project_id", "sequence", "kind", "key")
# As the canonical form has them: made once, for the filling is not what is measured.
DOCUMENTS = [audit.as_text(plan.document(random.Random(seed))) for seed in range(500)]


@dataclass(frozen=True)
class Ground:
    """The organization whose history is long."""

    owner: User
    organization: Any
    projects: list[Any]
    environments: dict[Any, list[Any]]


def run(lines: int, rounds: int) -> None:
    """Fill the ledger, print the table of pages and the time of the proof."""
    call_command("migrate", verbosity=0)
    ground = lay()
    began = time.perf_counter()
    fill(ground, lines)
    print(f"{lines:,} lines written in {time.perf_counter() - began:.0f} s\n")
    look(ground, lines, rounds)
    began = time.perf_counter()
    found = proofs.prove(ground.organization)
    took = time.perf_counter() - began
    assert not found.problem, found.problem
    mark = "" if took <= plan.GOAL_PROOF_SECONDS else "  <- too slow"
    print(f"\n{found.checked:,} lines proved in {took:.1f} s{mark}")


def lay() -> Ground:
    """One organization with an owner and its projects."""
    owner = User.objects.create_user("owner@example.org", uuid.uuid4().hex)
    organization = organizations.create_organization("bench", "Bench", owner)
    access = tickets.of_member(owner, "bench")
    for number in range(plan.PROJECTS):
        organizations.create_project(access, f"project-{number}", f"Project {number}")
    projects = list(Project.objects.within(organization).order_by("key"))
    places = {one.pk: list(Environment.objects.within(one)) for one in projects}
    return Ground(owner, organization, projects, places)


# --- one million lines


def fill(ground: Ground, lines: int) -> None:
    """Write chained lines as fast as the database takes them, in two passes of COPY."""
    head = AuditHead.objects.get(organization=ground.organization)
    chance = random.Random(7)
    subjects: list[tuple[Any, ...]] = []
    previous, sequence = head.hash, head.sequence
    with transaction.atomic(), connection.cursor() as cursor:
        with cursor.copy(_copy(AuditEntry, ENTRY)) as copy:
            for number, at in enumerate(plan.moments(lines)):
                sequence += 1
                content = line(ground, chance, sequence, at, number / lines)
                row_id = uuid.UUID(int=chance.getrandbits(128))
                hash_ = audit.chained(previous, [audit.plain(value) for value in content.values()])
                copy.write_row((row_id, *content.values(), previous, hash_))
                subjects += [
                    (row_id, ground.organization.pk, content["project_id"], sequence, kind, key)
                    for kind, key in audit.terms(json.loads(content["subjects"]))
                ]
                previous = hash_
        with cursor.copy(_copy(AuditSubject, SUBJECT)) as copy:
            for row in subjects:
                copy.write_row(row)
        AuditHead.objects.filter(pk=head.pk).update(sequence=sequence, hash=previous)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE accounts_auditentry, accounts_auditsubject")


def _copy(table: Any, columns: tuple[str, ...]) -> str:
    return f"COPY {table._meta.db_table} ({', '.join(columns)}) FROM STDIN"


def line(
    ground: Ground, chance: random.Random, sequence: int, at: datetime, age: float
) -> dict[str, Any]:
    """The hashed fields of one line, in their order."""
    project = ground.projects[0 if chance.random() < 0.6 else chance.randrange(plan.PROJECTS)]
    action = chance.choices([act for act, _ in plan.ACTS], [often for _, often in plan.ACTS])[0]
    is_old = age < 0.01 and chance.random() < 0.1
    key, tag, person = _names(chance, is_old=is_old)
    kind = audit.KINDS.get(action.partition(".")[0], action.partition(".")[0])
    subjects = [[kind, key], ["tag", tag]] if kind in {"flag", "change"} else [[kind, key]]
    before, after = chance.choice(DOCUMENTS), chance.choice(DOCUMENTS)
    values = (
        ground.organization.pk,
        project.pk,
        chance.choice(ground.environments[project.pk]).pk,
        sequence,
        at,
        None,
        person,
        "page",
        "192.0.2.7",
        uuid.UUID(int=chance.getrandbits(128)).hex,
        action,
        key,
        f"rules[0].share: {chance.randrange(100_000)} → {chance.randrange(100_000)}",
        audit.as_text(subjects),
        f'{{"{key}": {before}}}',
        f'{{"{key}": {after}}}',
        "a step of the release" if chance.random() < 0.3 else "",
    )
    return dict(zip(audit.HASHED, values, strict=True))


def _names(chance: random.Random, *, is_old: bool) -> tuple[str, str, str]:
    if is_old:
        return plan.OLD_FLAG, plan.OLD_TAG, plan.OLD_PERSON
    return (
        f"flag-{plan.weighted(chance, plan.FLAGS)}",
        f"tag-{plan.weighted(chance, plan.TAGS)}",
        f"person-{plan.weighted(chance, plan.PEOPLE)}@example.org",
    )


# --- the pages


def look(ground: Ground, lines: int, rounds: int) -> None:
    """Every filter alone, several together, and far back."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(ground.owner)
    print("| page | p50 ms | p95 ms |\n|---|--:|--:|")
    for name, address in pages(lines):

        def ask(address: str = address) -> None:
            response = client.get(address)
            assert response.status_code == 200, f"{address}: {response.status_code}"

        print(plan.told(name, plan.timed(ask, rounds)), flush=True)


def pages(lines: int) -> Iterator[tuple[str, str]]:
    """What is asked for, and its address: in a project, and in the whole organization."""
    for where, root in (
        ("project", "/o/bench/project-0/production/audit/"),
        ("organization", "/org/bench/audit/"),
    ):
        for name, query in questions(lines).items():
            yield f"{where}: {name}", f"{root}?{urlencode(query)}"
        yield f"{where}: one line", f"{root}{_a_line()}/"


def _a_line() -> int:
    found = AuditEntry.across_tenants.filter(project__key="project-0", sequence__gt=1_000)
    return int(found.values_list("sequence", flat=True).order_by("sequence")[0])


def questions(lines: int) -> dict[str, dict[str, Any]]:
    """The filters of each row."""
    old = {"person": plan.OLD_PERSON}
    return {
        "everything": {},
        "far back": {"before": lines // 100},
        "a busy person": {"person": "person-0@example.org"},
        "a person long gone": old,
        "part of a name": {"person": "person-1"},
        "a frequent act": {"action": "flag.changed"},
        "a rare act": {"action": "token.created"},
        "all acts on flags": {"action": "flag.*"},
        "a busy flag": {"kind": "flag", "key": "flag-0"},
        "a flag long left alone": {"kind": "flag", "key": plan.OLD_FLAG},
        "part of a key": {"key": "flag-19"},
        "a kind of object": {"kind": "metric"},
        "a frequent tag": {"tag": "tag-0"},
        "a tag no longer used": {"tag": plan.OLD_TAG},
        "an environment": {"environment": "staging"},
        "a week long ago": {"since": "2023-12-01", "until": "2023-12-07"},
        "until long ago": {"until": "2023-11-10"},
        "from today": {"since": "2026-10-30"},
        "person, act and week": {
            "person": "person-3@example.org",
            "action": "change.approved",
            "since": "2024-06-01",
            "until": "2024-06-07",
        },
        "flag, tag and environment": {
            "kind": "flag",
            "key": "flag-3",
            "tag": "tag-2",
            "environment": "production",
        },
        "person and act that never met": {**old, "action": "experiment.started", "tag": "tag-0"},
        "nothing found": {"person": "nobody at all"},
    }


assert ledger.PAGE == 50, "the pages measured hold 50 lines"
