"""The ledger: who did what, in an order nobody can rewrite."""

import uuid
from typing import Any, ClassVar, NoReturn

from django.db import models

from accounts.models.organization import Environment, Organization, Project
from accounts.models.user import User
from accounts.tenancy import TenantModel


class LedgerIsAppendOnly(RuntimeError):
    """Somebody tried to change or remove a line of the ledger."""


class AuditHead(models.Model):
    """The end of an organization's chain; locked while a line is added."""

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"{self.organization} at {self.sequence}"


class AuditProof(models.Model):
    """How far an organization's chain was last proved, and what was found broken, if anything."""

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="")
    at = models.DateTimeField()
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.organization}: {self.problem or f'proved up to {self.sequence}'}"


class AuditEntry(TenantModel):
    """One line of the ledger. The database's triggers refuse to change or remove one as well.

    `summary` says in short what became of what; `subjects` lists what the act was about, as
    [kind, key], tags of flags included: AuditSubject finds lines by them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No index of a key alone: those below begin with it, and each is paid for with every line.
    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, related_name="audit_entries", db_index=False
    )
    project = models.ForeignKey(
        Project, models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    environment = models.ForeignKey(
        Environment, models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(
        User, models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    actor_label = models.CharField(max_length=254)
    # Whose eyes stand behind a service token: its maker. And which token it was, a person's as well.
    on_behalf_of = models.CharField(max_length=254, blank=True)
    token = models.CharField(max_length=100, blank=True)
    via = models.CharField(max_length=20)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    summary = models.CharField(max_length=400, blank=True)
    subjects = models.JSONField(default=list)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="ledger_without_gaps_or_forks"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "-sequence"], name="ledger_by_project"),
            models.Index(fields=["environment", "-sequence"], name="ledger_by_environment"),
            # Each filter of the pages, in an organization and in one of its projects.
            models.Index(fields=["organization", "action", "-sequence"], name="ledger_acts"),
            models.Index(fields=["project", "action", "-sequence"], name="ledger_acts_here"),
            models.Index(fields=["organization", "actor_label", "-sequence"], name="ledger_people"),
            models.Index(fields=["project", "actor_label", "-sequence"], name="ledger_people_here"),
            models.Index(fields=["organization", "at"], name="ledger_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}: {self.actor_label} {self.action} {self.target}"

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            self._refuse()
        super().save(force_insert=True, using=options.get("using"))

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise LedgerIsAppendOnly("the ledger is append-only: add a correcting line instead")


class AuditSubject(TenantModel):
    """The index of what lines are about; written with the line, from its `subjects`.

    For each kind there is a row with the key ANY as well: by it a kind is walked in order.
    """

    ANY: ClassVar = "*"

    entry = models.ForeignKey(AuditEntry, models.DO_NOTHING, related_name="indexed", db_index=False)
    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, related_name="+", db_index=False
    )
    project = models.ForeignKey(
        Project, models.DO_NOTHING, null=True, db_constraint=False, related_name="+", db_index=False
    )
    sequence = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=200)

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organization", "kind", "key", "-sequence"], name="ledger_about"),
            models.Index(fields=["project", "kind", "key", "-sequence"], name="ledger_about_here"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}: {self.kind} {self.key}"

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise LedgerIsAppendOnly("the index of the ledger is append-only, as the ledger is")
        super().save(force_insert=True, using=options.get("using"))
