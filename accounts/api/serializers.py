"""What people, places, credentials and history look like in REST."""

from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers

from accounts.api.frame import Input, Output, PageQuery
from accounts.models import Environment, SdkKey
from accounts.permissions import Permission, Role

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

    person = PersonOut(allow_null=True, help_text="Nobody, where a service token asks.")
    signed_in_by = serializers.ChoiceField(choices=["token", "service token", "session"])
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
    keeps_contexts = serializers.BooleanField(
        help_text="Whether sampled contexts are kept, on which changes are tried beforehand."
    )
    archived_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when it takes no changes and serves no SDK."
    )


class EnvironmentQuery(PageQuery):
    """Which environments are wanted."""

    archived = serializers.BooleanField(
        required=False, default=False, help_text="Those in the archive instead."
    )


class EnvironmentIn(Input):
    """A new environment."""

    key = serializers.CharField(
        max_length=KEY, help_text="Lowercase letters, digits and hyphens; it cannot change."
    )
    name = serializers.CharField(max_length=NAME)
    color = serializers.ChoiceField(
        choices=Environment.Color.choices,
        required=False,
        help_text="Plum is production's, and production is plum.",
    )
    is_production = serializers.BooleanField(required=False, default=False)


class EnvironmentChangeIn(Input):
    """What changes about an environment; what is left out stays."""

    name = serializers.CharField(max_length=NAME, required=False)
    color = serializers.ChoiceField(choices=Environment.Color.choices, required=False)
    keeps_contexts = serializers.BooleanField(required=False)


class EnvironmentOrderIn(Input):
    """The environments in use, each once, in their new order."""

    keys = serializers.ListField(child=serializers.CharField(max_length=KEY), max_length=100)


class UnarchiveIn(Input):
    """Why an environment is archived, or brought back."""

    reason = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=500,
        help_text="For the history; needed where this goes past a review policy or a freeze.",
    )


class ArchiveIn(UnarchiveIn):
    """Why an environment is archived, and which one."""

    confirm = serializers.CharField(
        max_length=KEY, help_text="Its key once more, to show that you mean it."
    )


class SdkKeyOut(Output):
    """A key of an application. Only its last four characters are kept readable."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=SdkKey.Kind.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not the attribute
    last_four = serializers.CharField()
    created_by = serializers.CharField(source="created_by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class SdkKeyIn(Input):
    """A new key for an application."""

    kind = serializers.ChoiceField(
        choices=SdkKey.Kind.choices,
        help_text="A server key reads all rules; a client key is public and reads only values.",
    )
    label = serializers.CharField(max_length=LABEL, help_text="Which application will use it.")  # type: ignore[assignment]  # a field, not the attribute
    expires_at = serializers.DateTimeField(
        required=False,
        default=None,
        allow_null=True,
        help_text="When it ends by itself; left out, it lives until it is revoked.",
    )


class NewSdkKeyOut(Output):
    """A key and the one moment its secret can be read."""

    key = SdkKeyOut()
    secret = serializers.CharField(help_text="Shown once: keep it now.")


PERMISSIONS: Final = [permission.key for permission in Permission]
ROLES: Final = [role.value for role in Role]


class TokenOut(Output):
    """One of your access tokens. Only its last four characters are kept readable."""

    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not the attribute
    last_four = serializers.CharField()
    read_only = serializers.BooleanField()  # type: ignore[assignment]  # a field, not the attribute
    projects = serializers.ListField(
        source="project_keys",
        child=serializers.CharField(),
        help_text="Keys of the projects it is for; none named: all.",
    )
    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=PERMISSIONS),
        help_text="What it may do beside viewing; nothing named: all its person or role may.",
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    suspended_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Since when the company's sign-in vouches for you no longer; null: it works.",
    )
    made = serializers.IntegerField(
        source="offspring",
        help_text="How many live tokens were made with it, and with those: revoked, it takes them along.",
    )


class ServiceTokenOut(TokenOut):
    """A token of the organization, for a script that outlives whoever made it."""

    role = serializers.ChoiceField(choices=ROLES)
    created_by = serializers.CharField(source="created_by.email", default=None, allow_null=True)


class TokenIn(Input):
    """A new access token of your own."""

    label = serializers.CharField(max_length=LABEL, help_text="Which script will use it.")  # type: ignore[assignment]  # a field, not the attribute
    read_only = serializers.BooleanField(default=False)  # type: ignore[assignment]  # a field, not the attribute
    projects = serializers.ListField(
        child=serializers.CharField(max_length=KEY),
        default=list,
        max_length=200,
        help_text="Keys of the projects it is for; none: all you may see.",
    )
    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=PERMISSIONS),
        default=list,
        help_text="What it may do beside viewing; none: all you may.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate_expires_at(self, given: Any) -> Any:
        if given is not None and given <= timezone.now():
            raise serializers.ValidationError("This lies in the past.")
        return given


class ServiceTokenIn(TokenIn):
    """A new token of the organization."""

    role = serializers.ChoiceField(
        choices=ROLES, help_text="What it may do in its projects; it never reviews."
    )


class NewTokenOut(Output):
    """A token and the one moment its secret can be read."""

    token = TokenOut()
    secret = serializers.CharField(help_text="Shown once: keep it now.")


class NewServiceTokenOut(Output):
    """A service token and the one moment its secret can be read."""

    token = ServiceTokenOut()
    secret = serializers.CharField(help_text="Shown once: keep it now.")
