"""The tables of identity, tenancy, credentials and the ledger."""

from accounts.models.audit import AuditEntry, AuditHead
from accounts.models.credential import AccessToken, SdkKey
from accounts.models.membership import Membership, ProjectRole
from accounts.models.organization import Environment, Organization, Project
from accounts.models.user import User

__all__ = [
    "AccessToken",
    "AuditEntry",
    "AuditHead",
    "Environment",
    "Membership",
    "Organization",
    "Project",
    "ProjectRole",
    "SdkKey",
    "User",
]
