"""Who belongs to an organization, in which teams, and in which part of a project."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models.organization import Organization, Project, key_validator
from accounts.models.user import User
from accounts.permissions import APART, Role
from accounts.tenancy import TenantModel


class Membership(TenantModel):
    """A person in an organization."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    is_owner = models.BooleanField(default=False)
    # Deactivated people keep their history and lose everything else, at once.
    is_active = models.BooleanField(default=True)
    may_break_glass = models.BooleanField(
        default=False, help_text="May sign in with a password although SSO is required."
    )
    # Who looks after this membership, when it is a directory (SCIM): its own name for the person.
    directory_id = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership"),
            models.UniqueConstraint(
                fields=["organization", "directory_id"],
                condition=~models.Q(directory_id=""),
                name="one_membership_per_directory_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


class ProjectRole(TenantModel):
    """A person's role in one project; needs membership in its organization."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="roles")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="roles")
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "membership"], name="one_role_per_project")
        ]

    def __str__(self) -> str:
        return f"{self.membership.user}: {self.role} of {self.project}"


class Team(TenantModel):
    """People who hold roles, review and guard things together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    key = models.CharField(max_length=50, validators=[key_validator])
    name = models.CharField(max_length=120)
    members = models.ManyToManyField(Membership, related_name="teams", through="TeamMember")
    # A directory's (SCIM) own name for the group it keeps this team as.
    directory_id = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "key"], name="one_team_per_key"),
            models.UniqueConstraint(
                fields=["organization", "directory_id"],
                condition=~models.Q(directory_id=""),
                name="one_team_per_directory_id",
            ),
        ]
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class TeamMember(TenantModel):
    """A member's place in a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="places")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="team_places")

    tenant_paths: ClassVar = {"organization": "team__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "membership"], name="one_place_per_team")
        ]

    def __str__(self) -> str:
        return f"{self.membership.user} in {self.team}"


class TeamRole(TenantModel):
    """A team's role in one project: each of its people holds it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="team_roles")
    team = models.ForeignKey(Team, models.CASCADE, related_name="roles")
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "team"], name="one_team_role_per_project")
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.role} of {self.project}"


class ProjectRight(TenantModel):
    """A person or a team named for a right that stands apart from roles, in one project.

    It lets nobody in: it counts for those who may look at the project.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="rights")
    right = models.CharField(max_length=20, choices=[(one.key, one.value) for one in APART])
    membership = models.ForeignKey(
        Membership, models.CASCADE, null=True, blank=True, related_name="rights"
    )
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="rights")

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "right", "membership"], name="one_right_per_person"
            ),
            models.UniqueConstraint(fields=["project", "right", "team"], name="one_right_per_team"),
            models.CheckConstraint(
                condition=models.Q(membership__isnull=False) ^ models.Q(team__isnull=False),
                name="a_person_or_a_team",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team or self.membership}: may {self.get_right_display()}"


class Invitation(TenantModel):
    """A way in for people who are no members yet: sent to one address, or a link to hand on.

    `grants` is a list of {"project": key, "role": role}; `team_keys` names teams to join.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    # Empty for a link.
    email = models.EmailField(max_length=254, blank=True)
    is_owner = models.BooleanField(default=False)
    grants = models.JSONField(default=list)
    team_keys = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    uses_left = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation of {self.email or 'whoever has the link'}"


class AccessRequest(TenantModel):
    """A member asks to be let into a project (or to do more there)."""

    class Status(models.TextChoices):
        """Where the request stands."""

        PENDING = "pending"
        APPROVED = "approved"
        DECLINED = "declined"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="access_requests")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="access_requests")
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    reason = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "membership"],
                condition=models.Q(status="pending"),
                name="one_pending_request",
            )
        ]

    def __str__(self) -> str:
        return f"{self.membership.user} asks to be {self.role} of {self.project}"
