"""Who is told what: a person's inbox, and the outside services that follow the ledger."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models.membership import Membership
from accounts.models.organization import Organization, Project
from accounts.models.user import User
from accounts.tenancy import TenantModel


class Mail(models.TextChoices):
    """When an e-mail is sent beside the inbox's line."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    NEVER = "never"


class InboxCursor(models.Model):
    """How far along an organization's ledger its inboxes have been told."""

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True)
    told_up_to = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.organization} at {self.told_up_to}"


class Notice(TenantModel):
    """One line in a member's inbox."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="notices")
    # What it tells of; whoever may not look there any more is neither shown nor mailed it.
    # Null: the organization, or an answer to the member's own question.
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    # A path of our own, never an outside address.
    url = models.CharField(max_length=400)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)
    # What the member wished for this kind when it was written, and when an e-mail went out.
    mail = models.CharField(max_length=8, choices=Mail.choices, default=Mail.NEVER)
    mailed_at = models.DateTimeField(null=True)

    tenant_paths: ClassVar = {"organization": "membership__organization"}

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["membership", "-created_at"], name="inbox_of_member"),
            models.Index(
                fields=["mail"],
                condition=models.Q(mailed_at__isnull=True) & ~models.Q(mail="never"),
                name="notices_to_mail",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class NoticeWish(TenantModel):
    """How a member wants to hear of one kind of notice."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="wishes")
    kind = models.CharField(max_length=40)
    mail = models.CharField(max_length=8, choices=Mail.choices)

    tenant_paths: ClassVar = {"organization": "membership__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["membership", "kind"], name="one_wish_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.mail}"


class Follow(TenantModel):
    """A member follows a flag, a segment, an experiment or a tag of a project.

    Who proposes a change follows its request (kind `change`, key its number) without asking to.
    """

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="follows")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12)
    key = models.CharField(max_length=100)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["membership", "project", "kind", "key"], name="one_follow_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.membership.user} follows {self.kind} {self.key}"


class Destination(TenantModel):
    """An outside service that is told what the ledger records."""

    class Kind(models.TextChoices):
        """In which words it is told."""

        WEBHOOK = "webhook"
        SLACK = "slack"
        TEAMS = "teams"
        DATADOG = "datadog"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="destinations")
    # Null: the whole organization.
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=80)
    # Addresses of chat services are secrets themselves; both are sealed (accounts.sealing).
    url = models.BinaryField()
    secret = models.BinaryField(default=b"")
    # Signs beside the new one while receivers change over.
    former_secret = models.BinaryField(default=b"")
    former_secret_until = models.DateTimeField(null=True)
    # Ledger actions ("flag.changed", "flag.*"); empty: all. Tags of flags; empty: all.
    actions = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    environment_keys = models.JSONField(default=list)
    # How far along the organization's ledger it has been told.
    told_up_to = models.PositiveBigIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    # One worker at a time sends to it, until then at the latest.
    busy_until = models.DateTimeField(null=True)
    # Since when no message got through; null while they do.
    failing_since = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    # Whose address it may be: asked about when this person is let out.
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Delivery(TenantModel):
    """One message to one destination, with its attempts."""

    class Status(models.TextChoices):
        """Where the message stands."""

        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    destination = models.ForeignKey(Destination, models.CASCADE, related_name="deliveries")
    # Null: a test message.
    sequence = models.PositiveBigIntegerField(null=True)
    action = models.CharField(max_length=60)
    body = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    tenant_paths: ClassVar = {"organization": "destination__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["destination", "sequence"],
                condition=models.Q(sequence__isnull=False),
                name="one_message_per_line",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "next_attempt_at"], name="deliveries_due"),
            models.Index(fields=["destination", "-created_at"], name="delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.action} to {self.destination}"


class DeliveryAttempt(TenantModel):
    """One try: what was answered, how long it took, what went wrong. Bodies are never kept."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)

    tenant_paths: ClassVar = {"organization": "delivery__destination__organization"}

    class Meta(TenantModel.Meta):
        ordering: ClassVar = ["at"]

    def __str__(self) -> str:
        return f"{self.delivery} at {self.at:%Y-%m-%d %H:%M}"
