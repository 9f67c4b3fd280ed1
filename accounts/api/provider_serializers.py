"""What identity providers and claimed domains look like in REST."""

from typing import Any

from rest_framework import serializers

from accounts import domain_records
from accounts.api.frame import Input, Output
from accounts.models import ClaimedDomain, IdentityProvider
from accounts.oidc.discovery import algorithms_of
from accounts.oidc.keys import ALGORITHMS
from accounts.permissions import Role
from accounts.sso.options import back_channel_address, callback_address, signed_out_address

KEY = 50
NAME = 60
ROLES = [role.value for role in Role]


class ProviderOut(Output):
    """An OpenID Connect provider, with the addresses to register there. Its secret is never shown."""

    key = serializers.CharField()
    name = serializers.CharField()
    issuer = serializers.CharField()
    client_id = serializers.CharField(help_text="Empty until one is entered.")
    has_client_secret = serializers.SerializerMethodField()
    signing_algorithm = serializers.CharField()
    offered_algorithms = serializers.SerializerMethodField(
        help_text="What the provider signs with and is accepted here."
    )
    scopes = serializers.CharField()
    groups_claim = serializers.CharField()
    default_role = serializers.CharField(help_text="Empty: none.")
    required_acr = serializers.CharField()
    required_amr = serializers.CharField(
        help_text="While this and required_acr are empty the provider vouches for no second factor."
    )
    refresh_seconds = serializers.IntegerField()
    session_hours = serializers.IntegerField()
    tokens_wait_after_days = serializers.IntegerField(
        help_text="While it is required: days without a sign-in by it after which a person's tokens "
        "wait for the next one; 0: never."
    )
    sign_out_stops_tokens = serializers.BooleanField(
        help_text="Whether its back-channel logout suspends people's tokens as well."
    )
    is_enabled = serializers.BooleanField()
    is_required = serializers.BooleanField()
    redirect_uri = serializers.SerializerMethodField()
    backchannel_logout_uri = serializers.SerializerMethodField()
    post_logout_redirect_uri = serializers.SerializerMethodField()
    discovered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_has_client_secret(self, row: IdentityProvider) -> bool:
        return bool(row.client_secret)

    def get_offered_algorithms(self, row: IdentityProvider) -> list[str]:
        return list(algorithms_of(row.metadata))

    def get_redirect_uri(self, row: IdentityProvider) -> str:
        return callback_address(row)

    def get_backchannel_logout_uri(self, row: IdentityProvider) -> str:
        return back_channel_address(row)

    def get_post_logout_redirect_uri(self, row: IdentityProvider) -> str:
        return signed_out_address(row)


class ProviderIn(Input):
    """A new provider."""

    name = serializers.CharField(max_length=NAME, help_text="What people read on the sign-in page.")
    issuer = serializers.CharField(
        max_length=400, help_text="Exactly as the provider names it; it cannot change."
    )


def _text(longest: int, **more: Any) -> serializers.CharField:
    return serializers.CharField(max_length=longest, required=False, allow_blank=True, **more)


class ProviderChangeIn(Input):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=NAME, required=False)
    client_id = _text(200)
    client_secret = _text(
        400, write_only=True, help_text="Kept sealed; empty leaves the one that is kept."
    )
    signing_algorithm = serializers.ChoiceField(
        choices=list(ALGORITHMS), required=False, help_text="One of those the provider offers."
    )
    scopes = serializers.CharField(max_length=200, required=False)
    groups_claim = _text(100, help_text="Empty: groups are left alone.")
    default_role = serializers.ChoiceField(choices=["", *ROLES], required=False)
    required_acr = _text(200, help_text="Ways of signing in, separated by spaces; empty: any.")
    required_amr = _text(
        200, help_text="Means of signing in, of which one must have been used; empty: any."
    )
    refresh_seconds = serializers.IntegerField(required=False, min_value=60, max_value=86_400)
    session_hours = serializers.IntegerField(required=False, min_value=1, max_value=720)
    tokens_wait_after_days = serializers.IntegerField(
        required=False, min_value=0, max_value=365, help_text="0: never."
    )
    sign_out_stops_tokens = serializers.BooleanField(required=False)


class GroupOut(Output):
    """What a group named by the provider brings: a role in a project, or a place in a team."""

    id = serializers.UUIDField()
    group = serializers.CharField()
    project = serializers.CharField(source="project.key", default=None, allow_null=True)
    role = serializers.CharField(help_text="Empty where a team is brought.")
    team = serializers.CharField(source="team.key", default=None, allow_null=True)


class GroupIn(Input):
    """A project and a role, or a team."""

    group = serializers.CharField(
        max_length=200, help_text="As the provider sends it, to the letter."
    )
    project = _text(KEY, default="")
    role = serializers.ChoiceField(choices=["", *ROLES], required=False, default="")
    team = _text(KEY, default="")


class DomainOut(Output):
    """An e-mail domain; it counts once it carries its record."""

    id = serializers.UUIDField()
    domain = serializers.CharField()
    provider = serializers.CharField(
        source="provider.key",
        default=None,
        allow_null=True,
        help_text="Where its people sign in; null: by password.",
    )
    record = serializers.SerializerMethodField(help_text="The TXT record that proves it.")
    proved_at = serializers.DateTimeField(allow_null=True)
    proved_by = serializers.CharField(help_text="`DNS` or `operator`; empty until it is proved.")
    created_at = serializers.DateTimeField()

    def get_record(self, row: ClaimedDomain) -> str:
        return f"{domain_records.PREFIX}{row.token}"


class DomainIn(Input):
    """A domain to claim."""

    domain = serializers.CharField(max_length=253, help_text="What stands behind the @.")
    provider = _text(KEY, default="", help_text="A provider's key; empty: passwords.")


class DomainChangeIn(Input):
    """Where the domain's people sign in."""

    provider = serializers.CharField(
        max_length=KEY, allow_blank=True, help_text="A provider's key; empty: passwords."
    )
