"""The proof of the ledger: whatever is done to the rows behind its back is found."""

import hashlib
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import audit, chains, proofs
from accounts.chains import Anchors, Place
from accounts.models import AuditEntry, AuditHead, AuditProof, AuditSubject, Organization
from tests.world.cast import World, make_world

ROUNDS = 180


@dataclass
class Tampering:
    """Somebody who may write the tables directly, past the triggers."""

    organization: Organization
    chance: random.Random

    @property
    def rows(self) -> Any:
        return AuditEntry.objects.within(self.organization)

    @property
    def last(self) -> int:
        return int(AuditHead.objects.get(organization=self.organization).sequence)

    def any_line(self) -> AuditEntry:
        return self.rows.get(sequence=self.chance.randint(1, self.last))

    def edit(self) -> None:
        line = self.any_line()
        name = self.chance.choice(audit.HASHED[4:])
        old = getattr(line, name)
        new: Any = f"{old}x"
        if name == "at":
            new = old + timedelta(microseconds=1)
        if name in {"before", "after", "subjects"}:
            new = [old, "x"]
        if name == "actor_id":
            new = None if old else self.organization.pk
        self.rows.filter(pk=line.pk).update(**{name: new})

    def delete(self) -> None:
        self.remove(sequence=self.chance.randint(1, self.last - 1))

    def reorder(self) -> None:
        one, other = self.chance.sample(range(1, self.last + 1), 2)
        self.rows.filter(sequence=one).update(sequence=10_000)
        self.rows.filter(sequence=other).update(sequence=one)
        self.rows.filter(sequence=10_000).update(sequence=other)

    def insert(self) -> None:
        """A forged line, with a hash that fits what stands before it."""
        at = self.chance.randint(1, self.last + 1)
        self.rows.filter(sequence__gte=at).update(sequence=F("sequence") + 10_000)
        self.rows.filter(sequence__gte=10_000).update(sequence=F("sequence") - 9_999)
        before = self.rows.filter(sequence=at - 1).first()
        forged = self.rows.first()
        assert forged is not None
        forged.pk, forged._state.adding = None, True
        forged.sequence, forged.reason = at, "forged"
        forged.previous_hash = before.hash if before else ""
        forged.hash = audit.digest(forged)
        AuditEntry.objects.bulk_create([forged])

    def truncate(self) -> None:
        """The end is cut off, and the head says so."""
        keep = self.chance.randint(0, self.last - 1)
        self.remove(sequence__gt=keep)
        end = self.rows.filter(sequence=keep).first()
        self.head(keep, end.hash if end else "")

    def rewrite(self) -> None:
        """A line is edited and all hashes behind it are made anew, the head's too."""
        line = self.any_line()
        line.reason += " (or not)"
        previous = line.previous_hash
        for one in [line, *self.rows.filter(sequence__gt=line.sequence).order_by("sequence")]:
            one.previous_hash = previous
            previous = audit.digest(one)
            self.rows.filter(pk=one.pk).update(
                reason=one.reason, previous_hash=one.previous_hash, hash=previous
            )
        self.head(self.last, previous)

    def remove(self, **which: int) -> None:
        AuditSubject.objects.within(self.organization).filter(**which).delete()
        self.rows.filter(**which).delete()

    def head(self, sequence: int, hash_: str) -> None:
        heads = AuditHead.objects.filter(organization=self.organization)
        heads.update(sequence=sequence, hash=hash_)


KINDS: tuple[Callable[[Tampering], None], ...] = (
    Tampering.edit,
    Tampering.delete,
    Tampering.reorder,
    Tampering.insert,
    Tampering.truncate,
    Tampering.rewrite,
)


@pytest.fixture
def history(world: World) -> World:
    """Some lines more, and no trigger in the way of who owns the database."""
    with transaction.atomic():
        for number in range(8):
            audit.record(world.max.at(), "flag.changed", "x", after={"share": number / 7})
    lift_triggers()
    return world


def lift_triggers() -> None:
    with connection.cursor() as cursor:
        for table in ("accounts_auditentry", "accounts_auditsubject"):
            where = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {table}_refuses_change{where}")


def chance(seed: int) -> random.Random:
    """Repeatable, which is all that is asked of it."""
    return random.Random(seed)  # noqa: S311


def anchors_of(world: World) -> Anchors:
    """The head, as it was written down elsewhere."""
    head = AuditHead.objects.get(organization=world.organization)
    return Anchors({head.sequence: head.hash})


def test_an_untouched_history_is_proved_to_its_head(world: World):
    found = proofs.prove(world.organization, anchors=anchors_of(world))
    last = world.ledger()[-1]
    assert (found.checked, found.problem) == (last.sequence, "")
    assert found.upto == Place(last.sequence, last.hash)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_tampering_is_found(history: World, kind: Callable[[Tampering], None]):
    anchors = anchors_of(history)
    for seed in range(ROUNDS // len(KINDS)):
        with transaction.atomic():
            kind(Tampering(history.organization, chance(seed)))
            found = proofs.prove(history.organization, anchors=anchors)
            assert found.problem, f"{kind.__name__} with seed {seed} was not found"
            transaction.set_rollback(True)
    assert not proofs.prove(history.organization, anchors=anchors).problem


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_chain_walked_in_pieces_breaks_at_the_same_line(
    history: World, kind: Callable[[Tampering], None], monkeypatch: pytest.MonkeyPatch
):
    anchors = anchors_of(history)
    for seed in range(6):
        with transaction.atomic():
            kind(Tampering(history.organization, chance(seed)))
            whole = proofs.prove(history.organization, anchors=anchors)
            for lines in (1, 2, 3):
                monkeypatch.setattr(chains, "CHUNK", lines)
                assert proofs.prove(history.organization, anchors=anchors) == whole
            monkeypatch.undo()
            transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_several_threads_name_the_first_broken_line(monkeypatch: pytest.MonkeyPatch):
    if connection.vendor != "postgresql":
        pytest.skip("the other database is walked by one")
    world = make_world()
    with transaction.atomic():
        for _ in range(8):
            audit.record(world.max.at(), "flag.changed", "x")
    monkeypatch.setattr(chains, "CHUNK", 2)
    last = world.ledger()[-1]
    assert proofs.prove(world.organization).upto == Place(last.sequence, last.hash)
    lift_triggers()
    for sequence in (last.sequence - 1, 3):
        AuditEntry.objects.within(world.organization).filter(sequence=sequence).update(reason="no")
    found = proofs.prove(world.organization)
    assert (found.broken_at, found.upto.sequence) == (3, 2)


def test_the_first_broken_line_is_named(history: World):
    AuditEntry.objects.within(history.organization).filter(sequence=3).update(reason="never")
    found = proofs.prove(history.organization)
    assert found.broken_at == 3
    assert found.upto.sequence == 2
    assert "line 3 was changed" in found.problem


def test_without_an_anchor_a_cut_end_stays_unnoticed_and_with_one_it_does_not(history: World):
    anchors = anchors_of(history)
    Tampering(history.organization, chance(1)).truncate()
    assert not proofs.prove(history.organization).problem
    assert "anchored" in proofs.prove(history.organization, anchors=anchors).problem


def test_an_index_that_hides_a_line_is_told(world: World):
    assert proofs.check_index(world.organization) == ""
    lift_triggers()
    AuditSubject.objects.within(world.organization).filter(sequence=2).delete()
    assert "index" in proofs.check_index(world.organization)


def test_the_command_names_what_is_broken_and_fails(history: World, tmp_path: Path):
    file = tmp_path / "anchors.jsonl"
    call_command("anchor_audit", file=file, stdout=io.StringIO())
    out = io.StringIO()
    call_command("verify_audit", anchor=file, stdout=out)
    assert "solar: " in out.getvalue()
    assert "hold together, 1 anchors" in out.getvalue()
    Tampering(history.organization, chance(2)).truncate()
    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit", anchor=file, stdout=out)
    assert "solar: BROKEN" in out.getvalue()
    assert "stranger: BROKEN" not in out.getvalue()


def test_the_command_checks_one_organization_if_asked(world: World):
    out = io.StringIO()
    call_command("verify_audit", organization="stranger", stdout=out)
    assert "stranger: " in out.getvalue()
    assert "solar: " not in out.getvalue()
    with pytest.raises(CommandError, match="no organization"):
        call_command("verify_audit", organization="nowhere", stdout=out)


def test_an_organization_that_was_anchored_and_is_gone_is_told(world: World, tmp_path: Path):
    gone = {"organization": str(world.project.pk), "key": "gone", "sequence": 1, "hash": "x"}
    file = tmp_path / "anchors.jsonl"
    file.write_text(json.dumps(gone) + "\n")
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("verify_audit", anchor=file, stdout=out)
    assert "the organization is gone" in out.getvalue()


def test_a_file_that_holds_no_anchors_is_refused(world: World, tmp_path: Path):
    file = tmp_path / "anchors.jsonl"
    file.write_text("not one\n")
    with pytest.raises(CommandError, match="line 1 is no anchor"):
        call_command("verify_audit", anchor=file)


def test_heads_that_did_not_move_are_not_anchored_again(world: World, tmp_path: Path):
    file = tmp_path / "anchors.jsonl"
    assert proofs.anchor(file, only_moved=True) == 2
    assert proofs.anchor(file, only_moved=True) == 0
    with transaction.atomic():
        audit.record(world.max.at(), "flag.changed", "x")
    assert proofs.anchor(file, only_moved=True) == 1
    assert len(file.read_text().splitlines()) == 3


def test_what_is_kept_is_proved_from_where_it_was_proved_before(history: World, tmp_path: Path):
    def problem(*, whole: bool) -> str:
        proofs.keep_proofs(tmp_path / "none", whole=whole)
        return AuditProof.objects.get(organization=history.organization).problem

    assert problem(whole=False) == ""
    AuditEntry.objects.within(history.organization).filter(sequence=2).update(reason="never")
    assert problem(whole=False) == "", "only what is new was looked at"
    assert "line 2" in problem(whole=True)
    assert "line 2" in problem(whole=False), "broken stays broken"


def test_the_hash_of_a_line_can_be_made_by_others(world: World):
    """The recipe of docs/reference/audit.md."""
    with transaction.atomic():
        audit.record(world.max.at(), "flag.changed", "x", after={"b": 0.25, "a": "ü"})
    line = world.ledger()[-1]
    content: list[Any] = [getattr(line, name) for name in audit.HASHED]
    assert audit.as_text(line.after) == '{"a": "ü", "b": 0.25}'
    content = [
        value if isinstance(value, int | str | None) else str(value)
        for value in (
            audit.as_text(value) if name in {"subjects", "before", "after"} else value
            for name, value in zip(audit.HASHED, content, strict=True)
        )
    ]
    content[audit.HASHED.index("at")] = line.at.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
    written = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256((line.previous_hash + written).encode()).hexdigest() == line.hash


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
        | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4), inner
            )
        ),
    )
)
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=150)
@pytest.mark.django_db
def test_documents_are_written_as_postgresql_writes_them(document: Any):
    if connection.vendor != "postgresql":
        pytest.skip("the other database keeps JSON as the text it is given")
    kept = audit._as_kept(document)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(kept)])
        assert cursor.fetchone() == (audit.as_text(kept) or "null",)
