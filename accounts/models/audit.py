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


class AuditEntry(TenantModel):
    """One line of the ledger. On PostgreSQL a trigger refuses UPDATE and DELETE as well."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.DO_NOTHING, related_name="audit_entries")
    project = models.ForeignKey(Project, models.DO_NOTHING, null=True, db_constraint=False)
    environment = models.ForeignKey(Environment, models.DO_NOTHING, null=True, db_constraint=False)
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.DO_NOTHING, null=True, db_constraint=False)
    actor_label = models.CharField(max_length=254)
    via = models.CharField(max_length=20)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
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
            models.Index(fields=["organization", "target", "-sequence"], name="ledger_by_target"),
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
