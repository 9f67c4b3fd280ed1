"""What a provider's claims say of somebody, read with suspicion."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models import IdentityProvider
from accounts.oidc.tokens import name_of

LONGEST_EMAIL: Final = 254
MOST_GROUPS: Final = 500


@dataclass(frozen=True, slots=True)
class Person:
    """What a provider's claims say of somebody. Only the subject says who it is."""

    subject: str
    email: str
    email_verified: bool
    name: str
    # None: the provider said nothing of groups.
    groups: tuple[str, ...] | None
    sid: str

    @classmethod
    def from_claims(cls, provider: IdentityProvider, claims: Mapping[str, Any]) -> Self:
        """Read with suspicion: a text is never taken for a yes, a number never for an address."""
        return cls(
            subject=name_of(claims, "sub"),
            email=_email_in(claims),
            email_verified=claims.get("email_verified") is True,
            name=_text(claims.get("name"))[:120],
            groups=_groups_in(provider, claims),
            sid=_text(claims.get("sid"))[:255],
        )

    @classmethod
    def from_session(cls, kept: Mapping[str, Any]) -> Self:
        """As `to_session` left it."""
        groups = kept["groups"]
        return cls(**{**kept, "groups": None if groups is None else tuple(groups)})

    def to_session(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and "\0" not in value else ""


def _email_in(claims: Mapping[str, Any]) -> str:
    email = _text(claims.get("email"))
    try:
        validate_email(email)
    except ValidationError:
        return ""
    # Look-alike letters must not make a domain that reads like a proved one.
    return email if email.isascii() and len(email) <= LONGEST_EMAIL else ""


def _groups_in(provider: IdentityProvider, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The groups a person is in: none when the claim is missing, unless it was left out as too
    long (`_claim_names` says where else it could be asked for)."""
    if not provider.groups_claim:
        return None
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and provider.groups_claim in elsewhere:
        return None
    given = claims.get(provider.groups_claim)
    listed = given if isinstance(given, list) else [given]
    return tuple(name for name in map(_text, listed[:MOST_GROUPS]) if name)
