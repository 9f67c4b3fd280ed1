"""Reading what an identity provider publishes, which calls a server of somebody's choice."""

from typing import Final

from accounts import limits
from accounts.access import Access
from accounts.oidc import discovery
from accounts.oidc.discovery import Discovered
from accounts.permissions import Permission

# By one organization; each may hold a request until the server answers.
READINGS_A_MINUTE: Final = 10


def read(access: Access, issuer: str) -> Discovered:
    """What the issuer publishes now."""
    access.require(Permission.MANAGE_ORGANIZATION)
    who = str(access.organization.pk)
    limits.count("discoveries", who, most=READINGS_A_MINUTE, seconds=limits.MINUTE)
    return discovery.read(issuer)
