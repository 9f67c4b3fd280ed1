"""A submitted list of edits, with its life."""

import uuid
from typing import ClassVar, Final

from django.db import models

from accounts.models import Environment, Project, User
from accounts.tenancy import TenantModel


class Change(TenantModel):
    """Edits of one or more targets, applied all or not at all.

    `parts` is a list of {target, edits, sentences, base_version, applied_version, before, after}:
    enough to show, replay and invert the change; with the `experiment` if one's own verb made it.
    One that waits for review is a change request; it has a number, and each time its edits change
    a new revision with a hash of its own, which is what approvals name.
    """

    class Status(models.TextChoices):
        """Where a change stands. Drafts are their author's alone."""

        DRAFT = "draft"
        OPEN = "open"
        APPROVED = "approved"
        CHANGES_REQUESTED = "changes_requested"
        APPLIED = "applied"
        WITHDRAWN = "withdrawn"
        REJECTED = "rejected"
        SUPERSEDED = "superseded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="+")
    # Of change requests and drafts, counted within the project.
    number = models.PositiveIntegerField(null=True)
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    author_label = models.CharField(max_length=254)
    status = models.CharField(max_length=20, choices=Status.choices)
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    parts = models.JSONField()
    revision = models.PositiveIntegerField(default=1)
    content_hash = models.CharField(max_length=64, blank=True)
    comment = models.TextField(blank=True)
    apply_when_approved = models.BooleanField(default=False)
    # When it applies by itself, and the time zone the person thought in (IANA name).
    scheduled_for = models.DateTimeField(null=True)
    time_zone = models.CharField(max_length=64, blank=True)
    scheduled_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    schedule_problem = models.TextField(blank=True)
    # An emergency: applied past review, to be looked at afterwards.
    bypassed = models.BooleanField(default=False)
    bypass_reason = models.TextField(blank=True)
    looked_at_by = models.CharField(max_length=254, blank=True)
    looked_at = models.DateTimeField(null=True)
    # The request this one was merged from.
    supersedes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)
    applied_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    applied_by_label = models.CharField(max_length=254, blank=True)
    closed_at = models.DateTimeField(null=True)
    # Who ended a request that was not applied: its author, an admin, a reviewer.
    closed_by_label = models.CharField(max_length=254, blank=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "number"], name="one_request_per_number")
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "-created_at"], name="changes_of_project"),
            models.Index(fields=["project", "status"], name="changes_by_status"),
            models.Index(
                fields=["scheduled_for"],
                condition=models.Q(scheduled_for__isnull=False),
                name="changes_due",
            ),
        ]

    def __str__(self) -> str:
        return f"change {self.id} ({self.status})"


WAITING: Final = (Change.Status.OPEN, Change.Status.APPROVED, Change.Status.CHANGES_REQUESTED)
REFUSED: Final = (Change.Status.WITHDRAWN, Change.Status.REJECTED, Change.Status.SUPERSEDED)


class ChangeRevision(TenantModel):
    """What a request said at one moment, and who wrote it: nobody who did may approve it."""

    change = models.ForeignKey(Change, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    author_label = models.CharField(max_length=254)
    parts = models.JSONField()
    content_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {
        "project": "change__project",
        "organization": "change__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["change", "number"], name="one_revision_per_number")
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.change_id}"


class Review(TenantModel):
    """One reviewer's word on one revision; the newest of each reviewer counts."""

    class Verdict(models.TextChoices):
        """What the reviewer says."""

        APPROVE = "approve"
        REQUEST_CHANGES = "request_changes"
        REJECT = "reject"

    change = models.ForeignKey(Change, models.CASCADE, related_name="reviews")
    revision = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    reviewer = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reviewer_label = models.CharField(max_length=254)
    # In which role they spoke, as it was then.
    reviewer_role = models.CharField(max_length=20, blank=True)
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {
        "project": "change__project",
        "organization": "change__project__organization",
    }

    def __str__(self) -> str:
        return f"{self.reviewer_label}: {self.verdict}"


class ChangeComment(TenantModel):
    """What somebody said about a request."""

    change = models.ForeignKey(Change, models.CASCADE, related_name="comments")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    author_label = models.CharField(max_length=254)
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {
        "project": "change__project",
        "organization": "change__project__organization",
    }

    def __str__(self) -> str:
        return f"{self.author_label} on {self.change_id}"


class ChangedTarget(TenantModel):
    """Which change touched what: the index behind each object's history."""

    change = models.ForeignKey(Change, models.CASCADE, related_name="targets")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=12)
    key = models.CharField(max_length=100)
    version = models.PositiveIntegerField(null=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["project", "kind", "key", "-id"], name="history_of_target")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
