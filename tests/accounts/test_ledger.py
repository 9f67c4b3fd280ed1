"""The ledger: chained, append-only, written in the transaction of the act."""

import os
import sqlite3
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.access import Access
from accounts.actions import credentials, organizations
from accounts.errors import AlreadyExists, InvalidInput
from accounts.models import AuditEntry, AuditSubject, Project
from accounts.models.audit import LedgerIsAppendOnly
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb
from tests.world.cast import World, make_world


def test_each_line_carries_the_hash_of_the_one_before(world: World):
    lines = world.ledger()
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0].previous_hash == ""
    for before, after in pairwise(lines):
        assert after.previous_hash == before.hash
    assert all(audit.digest(line) == line.hash for line in lines)


def test_a_line_cannot_be_changed_or_removed(world: World):
    line = world.ledger()[0]
    line.reason = "never happened"
    with pytest.raises(LedgerIsAppendOnly):
        line.save()
    with pytest.raises(LedgerIsAppendOnly):
        line.delete()
    rows = AuditEntry.across_tenants.filter(pk=line.pk)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(reason="never happened")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditSubject.across_tenants.filter(entry=line).update(key="another")


def test_text_no_database_keeps_is_replaced_before_it_is_hashed(world: World):
    access, odd = world.olivia.at(), "a\0b\ud800c"
    with transaction.atomic():
        audit.record(
            access,
            "flag.changed",
            odd,
            before=[odd],
            after={odd: {"said": odd}},
            reason=odd,
            subjects=[audit.Subject("flag", odd)],
        )
    line, whole = world.ledger()[-1], "a\N{REPLACEMENT CHARACTER}b?c"
    assert (line.target, line.reason, line.subjects) == (whole, whole, [["flag", whole]])
    assert (line.before, line.after) == ([whole], {whole: {"said": whole}})
    assert audit.digest(line) == line.hash
    assert AuditSubject.across_tenants.filter(entry=line, key=whole).exists()


@pytest.fixture
def triggers(world: World) -> None:
    """What the migration lays, laid again: the tests' ground empties tables between tests."""
    migration = import_module("accounts.migrations.0002_append_only_ledger")
    statements = migration.POSTGRESQL if connection.vendor == "postgresql" else migration.SQLITE
    with connection.cursor() as cursor:
        for table in migration.TABLES:
            cursor.execute(statements[1].format(table=table))


@pytest.mark.parametrize("table", [AuditSubject, AuditEntry])
def test_no_line_is_deleted_past_the_model(world: World, triggers: None, table: Any):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        table.across_tenants.all()._raw_delete("default")
    if connection.vendor != "postgresql":
        return
    name = table._meta.db_table
    # What waits for the end of the transaction would be in the way first.
    connection.check_constraints()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {name} CASCADE")


def test_the_migrations_lay_the_triggers(postgres_database: str, tmp_path: Path):
    for place in ({"DATABASE_URL": postgres_database}, {"WAYFORK_DATA": str(tmp_path)}):
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        command = [sys.executable, "manage.py", "migrate", "accounts", "-v0"]
        subprocess.run(command, check=True, cwd=settings.BASE_DIR, env={**inherited, **place})
    with psycopg.connect(postgres_database) as there:
        found = there.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'accounts_audit%'")
        on_postgresql = {name for (name,) in found}
    with sqlite3.connect(tmp_path / "wayfork.sqlite3") as here:
        laid = here.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        on_sqlite = {name for (name,) in laid}
    here.close()
    tables = ("accounts_auditentry", "accounts_auditsubject")
    wanted = {f"{table}_refuses_{what}" for table in tables for what in ("change", "emptying")}
    assert on_postgresql == wanted
    assert on_sqlite == wanted


def test_a_role_made_as_documented_adds_lines_and_cannot_change_them(postgres_database: str):
    page = (settings.BASE_DIR / "docs/operations/database-roles.md").read_text()
    documented = page.partition("```sql\n")[2].partition("```")[0]
    role = f"role_{os.urandom(6).hex()}"
    manage(postgres_database, "migrate", "-v0")
    with psycopg.connect(postgres_database, autocommit=True) as owner:
        owner.execute(documented.replace("wayfork_app", role))
        try:
            there = urlsplit(postgres_database)
            place = f"{role}:choose-one@{there.hostname}:{there.port}"
            url = there._replace(netloc=place).geturl()
            manage(url, "create_organization", "acme", "Acme", "--owner", "ida@acme.example")
            told = manage(url, "verify_audit")
            assert "acme: " in told
            assert "switch the triggers off" not in told
            assert "switch the triggers off" in manage(postgres_database, "verify_audit")
            with psycopg.connect(url, autocommit=True) as application:
                for attempt in (
                    "UPDATE accounts_auditentry SET reason = 'never mind'",
                    "DELETE FROM accounts_auditsubject",
                    "TRUNCATE accounts_auditentry CASCADE",
                    "ALTER TABLE accounts_auditentry DISABLE TRIGGER ALL",
                    "DROP FUNCTION refuse_ledger_change() CASCADE",
                    "SET session_replication_role = replica",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        application.execute(attempt)
        finally:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")


def manage(url: str, *command: str) -> str:
    """What a management command says on that database."""
    inherited = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        check=True,
        cwd=settings.BASE_DIR,
        env={**inherited, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_two_organizations_have_two_chains(world: World):
    theirs = AuditEntry.across_tenants.filter(organization__key="stranger").order_by("sequence")
    assert theirs[0].sequence == 1
    assert theirs[0].previous_hash == ""


@pytest.mark.django_db(transaction=True)
def test_a_line_is_refused_outside_the_transaction_of_its_act():
    world = make_world()
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(world.ada.at(), "flag.changed", "x")


def test_a_verb_that_fails_leaves_no_line(world: World):
    lines = len(world.ledger())
    with pytest.raises(InvalidInput):
        credentials.create_sdk_key(world.ada.at(), "server", "  ")
    with pytest.raises(AlreadyExists):
        organizations.create_project(world.olivia.at(), "shop", "Again")
    assert len(world.ledger()) == lines


def test_a_line_with_unusual_numbers_keeps_its_hash_on_every_database(world: World):
    odd = {"big": 1e22, "long": 1.2345678901234567e25, "zero": -0.0, "id": 2**63, "x": [1e-7, 2.0]}
    with transaction.atomic():
        audit.record(world.ada.at(), "flag.changed", "x", before=odd, after=odd)
    line = world.ledger()[-1]
    assert audit.digest(line) == line.hash
    assert line.after is not None
    assert line.after["big"] == 10**22


def test_two_people_who_take_one_key_at_once_are_told(world: World):
    @verb(Permission.MANAGE_ORGANIZATION)
    def make(access: Access) -> Recorded[Project]:
        """What a verb does whose check found the key free a moment ago."""
        project = Project.objects.create(
            organization=access.organization, key=world.project.key, name="Again"
        )
        return Recorded(project, "project.created", project.key)

    with pytest.raises(AlreadyExists):
        make(world.olivia.at())


def test_a_key_does_not_end_with_a_line_break(world: World):
    with pytest.raises(InvalidInput):
        organizations.create_project(world.olivia.at(), "shop2\n", "Shop")
