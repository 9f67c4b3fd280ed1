"""The tables of identity, tenancy, credentials, notices and the ledger."""

from accounts.models.audit import AuditEntry, AuditHead, AuditProof, AuditSubject
from accounts.models.credential import AccessToken, SdkKey
from accounts.models.identity import (
    ClaimedDomain,
    DirectoryToken,
    FederatedIdentity,
    GroupRole,
    IdentityProvider,
    SeenToken,
    SsoSession,
)
from accounts.models.membership import (
    AccessRequest,
    Invitation,
    Membership,
    ProjectRight,
    ProjectRole,
    Team,
    TeamMember,
    TeamRole,
)
from accounts.models.notification import (
    Delivery,
    DeliveryAttempt,
    Destination,
    Follow,
    InboxCursor,
    Mail,
    Notice,
    NoticeWish,
)
from accounts.models.organization import Environment, Organization, Project
from accounts.models.user import User

__all__ = [
    "AccessRequest",
    "AccessToken",
    "AuditEntry",
    "AuditHead",
    "AuditProof",
    "AuditSubject",
    "ClaimedDomain",
    "Delivery",
    "DeliveryAttempt",
    "Destination",
    "DirectoryToken",
    "Environment",
    "FederatedIdentity",
    "Follow",
    "GroupRole",
    "IdentityProvider",
    "InboxCursor",
    "Invitation",
    "Mail",
    "Membership",
    "Notice",
    "NoticeWish",
    "Organization",
    "Project",
    "ProjectRight",
    "ProjectRole",
    "SdkKey",
    "SeenToken",
    "SsoSession",
    "Team",
    "TeamMember",
    "TeamRole",
    "User",
]
