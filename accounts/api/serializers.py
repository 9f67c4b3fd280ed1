"""What people, places, credentials and history look like in REST."""

from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers

from accounts.api.frame import Input, Output, PageQuery
from accounts.models import Environment, SdkKey

KEY: Final = 50
NAME: Final = 120
LABEL: Final = 80


class PersonOut(Output):
    """Who is signed in."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()


class ProjectOut(Output):
    """A product."""

    key = serializers.CharField()
    name = serializers.CharField()
    is_open = serializers.BooleanField(
        help_text="Whether every member of the organization may view it."
    )
    created_at = serializers.DateTimeField()


class OrganizationOut(Output):
    """An organization somebody belongs to, with the projects they may see."""

    key = serializers.CharField(source="organization.key")
    name = serializers.CharField(source="organization.name")
    is_owner = serializers.BooleanField(help_text="Whether you own it.")
    projects = ProjectOut(many=True)


class MeOut(Output):
    """Who asks, by what, and where they belong."""

    person = PersonOut()
    signed_in_by = serializers.ChoiceField(choices=["token", "session"])
    read_only = serializers.BooleanField(help_text="Whether the access token may only read.")  # type: ignore[assignment]  # a field, not the attribute
    organizations = OrganizationOut(many=True)


class ProjectIn(Input):
    """A new project; it gets development, staging and production."""

    key = serializers.CharField(
        max_length=KEY, help_text="Lowercase letters, digits and hyphens; it cannot change."
    )
    name = serializers.CharField(max_length=NAME)


class EnvironmentOut(Output):
    """A stage of a product with its own flag state and SDK keys."""

    key = serializers.CharField()
    name = serializers.CharField()
    color = serializers.ChoiceField(choices=Environment.Color.choices)
    is_production = serializers.BooleanField()


class SdkKeyOut(Output):
    """A key of an application. Only its last four characters are kept readable."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=SdkKey.Kind.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not the attribute
    last_four = serializers.CharField()
    created_by = serializers.CharField(source="created_by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class SdkKeyIn(Input):
    """A new key for an application."""

    kind = serializers.ChoiceField(
        choices=SdkKey.Kind.choices,
        help_text="A server key reads all rules; a client key is public and reads only values.",
    )
    label = serializers.CharField(max_length=LABEL, help_text="Which application will use it.")  # type: ignore[assignment]  # a field, not the attribute


class NewSdkKeyOut(Output):
    """A key and the one moment its secret can be read."""

    key = SdkKeyOut()
    secret = serializers.CharField(help_text="Shown once: keep it now.")


class TokenOut(Output):
    """One of your access tokens. Only its last four characters are kept readable."""

    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not the attribute
    last_four = serializers.CharField()
    read_only = serializers.BooleanField()  # type: ignore[assignment]  # a field, not the attribute
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class TokenIn(Input):
    """A new access token of your own."""

    label = serializers.CharField(max_length=LABEL, help_text="Which script will use it.")  # type: ignore[assignment]  # a field, not the attribute
    read_only = serializers.BooleanField(default=False)  # type: ignore[assignment]  # a field, not the attribute
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate_expires_at(self, given: Any) -> Any:
        if given is not None and given <= timezone.now():
            raise serializers.ValidationError("This lies in the past.")
        return given


class NewTokenOut(Output):
    """A token and the one moment its secret can be read."""

    token = TokenOut()
    secret = serializers.CharField(help_text="Shown once: keep it now.")


class AuditQuery(PageQuery):
    """Which lines of the history are wanted."""

    action = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=60,
        help_text="Exactly this, as `flag.changed`.",
    )
    person = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=254,
        help_text="Part of an e-mail address.",
    )
    target = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=200, help_text="Part of a key."
    )


class AuditLineOut(Output):
    """One line of the history: who did what, where, when, by which door."""

    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(source="actor_label")
    via = serializers.CharField(help_text="page, REST, system or command.")
    address = serializers.CharField()
    request_id = serializers.CharField()
    action = serializers.CharField()
    target = serializers.CharField()
    environment = serializers.CharField(source="environment.key", default=None, allow_null=True)
    reason = serializers.CharField()


class AuditEntryOut(AuditLineOut):
    """A line with what was there before and after, and its place in the chain of hashes."""

    before = serializers.JSONField()
    after = serializers.JSONField()
    previous_hash = serializers.CharField()
    hash = serializers.CharField()
