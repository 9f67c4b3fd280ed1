"""Company identity providers, whom they vouch for, and directories that keep people in step."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from accounts.models.membership import Team
from accounts.models.organization import Organization, Project, key_validator
from accounts.models.user import User
from accounts.permissions import Role
from accounts.tenancy import TenantModel


class IdentityProvider(TenantModel):
    """An OpenID Connect provider one organization trusts for its own people.

    `key` stands in addresses (`sso/<key>/callback`), so it is unique in the installation: a state
    made for one provider cannot be presented at another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="providers")
    key = models.CharField(max_length=50, unique=True, validators=[key_validator])
    name = models.CharField(max_length=120)
    issuer = models.URLField(max_length=400)
    client_id = models.CharField(max_length=200)
    client_secret = models.BinaryField(help_text="Sealed (accounts.sealing).")
    signing_algorithm = models.CharField(max_length=10, default="RS256")
    scopes = models.CharField(max_length=200, default="openid email profile")
    groups_claim = models.CharField(max_length=100, default="groups", blank=True)
    # What discovery answered, and when; read again after a day or when a key is unknown.
    metadata = models.JSONField(default=dict)
    jwks = models.JSONField(default=dict)
    discovered_at = models.DateTimeField(null=True)
    is_enabled = models.BooleanField(default=True)
    is_required = models.BooleanField(
        default=False, help_text="People of its domains may not sign in with a password."
    )
    required_since = models.DateTimeField(null=True)
    default_role = models.CharField(
        max_length=10, choices=[(role.value, role.value) for role in Role], blank=True
    )
    refresh_seconds = models.PositiveIntegerField(default=900)
    session_hours = models.PositiveIntegerField(default=12)
    required_acr = models.CharField(max_length=200, blank=True)
    required_amr = models.CharField(max_length=200, blank=True)
    # While it is required: so long people's tokens go on without its word. 0: for ever.
    tokens_wait_after_days = models.PositiveIntegerField(default=14)
    sign_out_stops_tokens = models.BooleanField(
        default=True, help_text="Its back-channel logout suspends people's tokens as well."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            # An issuer names a person once: two rows of it would make two people of one.
            models.UniqueConstraint(
                fields=["organization", "issuer"], name="one_provider_per_issuer"
            )
        ]
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def vouches_for_factors(self) -> bool:
        """Whether it has to say how strongly its people signed in."""
        return bool(self.required_acr or self.required_amr)


class ClaimedDomain(TenantModel):
    """An e-mail domain an organization says is its own; it counts once it is proved."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="domains")
    provider = models.ForeignKey(
        IdentityProvider, models.SET_NULL, null=True, related_name="domains"
    )
    domain = models.CharField(max_length=253)
    token = models.CharField(max_length=64)
    proved_at = models.DateTimeField(null=True)
    proved_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("domain"),
                condition=models.Q(proved_at__isnull=False),
                name="one_owner_per_domain",
            ),
            models.UniqueConstraint("organization", Lower("domain"), name="one_claim_per_domain"),
        ]

    def __str__(self) -> str:
        return self.domain


class GroupRole(TenantModel):
    """What a group named by the provider brings: a role in a project, or a place in a team."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="group_roles")
    group = models.CharField(max_length=200)
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="+")
    role = models.CharField(
        max_length=10, choices=[(role.value, role.value) for role in Role], blank=True
    )
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")

    tenant_paths: ClassVar = {"organization": "provider__organization"}

    def __str__(self) -> str:
        return f"{self.group} of {self.provider}"


class FederatedIdentity(TenantModel):
    """The only thing that says who somebody is at a provider: (provider, subject)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="identities")
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    email = models.EmailField(max_length=254, blank=True)
    # What groups and the default role have brought this person, so that just this can be taken
    # back: {"roles": {project key: {"role", "before"}}, "teams": [team keys]}.
    brought = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    tenant_paths: ClassVar = {"organization": "provider__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "subject"], name="one_person_per_subject"),
            models.UniqueConstraint(fields=["provider", "user"], name="one_subject_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.provider}"


class SsoSession(TenantModel):
    """A browser session a provider vouches for, until it must be renewed or is called back."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    identity = models.ForeignKey(FederatedIdentity, models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=64, unique=True)
    # The provider's own name for the session, if it gives one; for back-channel logout.
    sid = models.CharField(max_length=255, blank=True)
    # For RP-initiated logout; sealed.
    id_token = models.BinaryField(default=b"")
    renew_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {"organization": "identity__provider__organization"}

    def __str__(self) -> str:
        return f"session of {self.identity}"


class SeenToken(TenantModel):
    """A one-time token (a logout token's `jti`) that has been used; kept until it would expire."""

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="+")
    jti = models.CharField(max_length=255)
    expires_at = models.DateTimeField()

    tenant_paths: ClassVar = {"organization": "provider__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "jti"], name="one_use_per_token")
        ]

    def __str__(self) -> str:
        return self.jti


class DirectoryToken(TenantModel):
    """What a company's directory shows to keep people and teams in step (SCIM)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    label = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    # Null: it lives until it is revoked.
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        ordering: ClassVar = ["revoked_at", "-created_at"]

    def __str__(self) -> str:
        return f"{self.label} (…{self.last_four})"
