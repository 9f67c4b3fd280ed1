"""Who belongs to an organization, and in which part of a project."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models.organization import Organization, Project
from accounts.models.user import User
from accounts.permissions import Role
from accounts.tenancy import TenantModel


class Membership(TenantModel):
    """A person in an organization."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    is_owner = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership")
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
