"""What people, teams, invitations and access requests look like in REST."""

from uuid import UUID

from rest_framework import serializers

from accounts import people
from accounts.actions import invitations
from accounts.api.frame import Input, Output
from accounts.permissions import Role

KEY = 50
NAME = 120
ROLES = [role.value for role in Role]


class RoleHeldOut(Output):
    """What a member is in one project."""

    project = serializers.CharField(source="project.key")
    role = serializers.ChoiceField(
        choices=ROLES, allow_null=True, help_text="The highest one held; owners need none."
    )
    own_role = serializers.ChoiceField(source="own", choices=ROLES, allow_null=True)
    teams = serializers.SerializerMethodField(help_text="Teams that bring a role here.")

    def get_teams(self, standing: people.Standing) -> list[str]:
        return [source.team.key for source in standing.sources if source.team]


class MemberOut(Output):
    """A member of the organization, with roles in the projects you see."""

    id = serializers.UUIDField(source="membership.id")
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    is_owner = serializers.BooleanField(source="membership.is_owner")
    is_active = serializers.BooleanField(source="membership.is_active")
    teams = serializers.SerializerMethodField(help_text="Keys of the member's teams.")
    roles = RoleHeldOut(source="standings", many=True)
    has_second_factor = serializers.BooleanField(source="has_factor")
    has_company_sign_in = serializers.BooleanField(source="has_sso")
    joined_at = serializers.DateTimeField(source="membership.created_at")
    last_sign_in = serializers.DateTimeField(source="user.last_login", allow_null=True)

    def get_teams(self, person: people.Person) -> list[str]:
        return [team.key for team in person.teams]


class MemberIn(Input):
    """What is to change; what is left out stays."""

    is_owner = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(
        required=False, help_text="False ends sessions and tokens at once; roles stay."
    )
    teams = serializers.ListField(
        child=serializers.CharField(max_length=KEY),
        required=False,
        max_length=200,
        help_text="Keys of exactly the teams the member is to be in.",
    )
    reason = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=500, help_text="For the history."
    )
    revoke_service_tokens = serializers.BooleanField(
        default=False,
        help_text="With `is_active` false: revoke the service tokens the member made as well.",
    )


class RoleIn(Input):
    """A role in a project."""

    role = serializers.ChoiceField(choices=ROLES)


class ProjectMemberOut(Output):
    """Somebody who may enter the project."""

    member = serializers.UUIDField(source="person.membership.id")
    email = serializers.EmailField(source="person.user.email")
    name = serializers.CharField(source="person.user.name")
    is_owner = serializers.BooleanField(source="person.membership.is_owner")
    role = serializers.ChoiceField(source="standing.role", choices=ROLES, allow_null=True)
    own_role = serializers.ChoiceField(source="standing.own", choices=ROLES, allow_null=True)


class TeamRoleOut(Output):
    """A team's role in a project."""

    project = serializers.CharField(source="project.key")
    role = serializers.ChoiceField(choices=ROLES)


class TeamOut(Output):
    """A team, with its roles in the projects you see."""

    key = serializers.CharField(source="team.key")
    name = serializers.CharField(source="team.name")
    members = serializers.SerializerMethodField(help_text="Ids of members.")
    roles = TeamRoleOut(many=True)

    def get_members(self, summary: people.TeamSummary) -> list[UUID]:
        return [one.pk for one in summary.people]


class TeamIn(Input):
    """A new team."""

    key = serializers.CharField(max_length=KEY, help_text="It cannot change.")
    name = serializers.CharField(max_length=NAME)


class TeamChangeIn(Input):
    """What is to change; what is left out stays."""

    name = serializers.CharField(required=False, max_length=NAME)
    members = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=2000,
        help_text="Ids of exactly the members that are to be in it.",
    )


class GrantOut(Output):
    """A role an invitation brings."""

    project = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)


class InvitationOut(Output):
    """An open invitation. Its secret is never shown again."""

    id = serializers.UUIDField()
    email = serializers.CharField(help_text="Empty for a link.")
    is_owner = serializers.BooleanField()
    roles = GrantOut(source="grants", many=True)
    teams = serializers.ListField(source="team_keys", child=serializers.CharField())
    uses_left = serializers.IntegerField()
    invited_by = serializers.CharField(source="invited_by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class MadeInvitationsOut(Output):
    """What was made: letters, or a link with the one moment it can be read."""

    items = InvitationOut(many=True)
    link = serializers.CharField(allow_null=True, help_text="Shown once: keep it now.")
    unsent = serializers.ListField(
        child=serializers.CharField(), help_text="Addresses whose letter was not taken."
    )


class GrantIn(Input):
    """A role an invitation is to bring."""

    project = serializers.CharField(max_length=KEY)
    role = serializers.ChoiceField(choices=ROLES)


class ProjectInvitationIn(Input):
    """Whom to invite to one project."""

    emails = serializers.ListField(
        child=serializers.CharField(max_length=254),
        required=False,
        default=list,
        max_length=invitations.MOST_ADDRESSES,
        help_text="Left out, a link is made.",
    )
    role = serializers.ChoiceField(choices=ROLES)
    days = serializers.IntegerField(
        required=False,
        default=invitations.DAYS,
        min_value=1,
        max_value=invitations.MOST_DAYS,
        help_text="Until it ends.",
    )
    uses = serializers.IntegerField(
        required=False,
        default=1,
        min_value=1,
        max_value=invitations.MOST_USES,
        help_text="How many may come in by a link.",
    )


class InvitationIn(ProjectInvitationIn):
    """Whom to invite to what."""

    role = None  # type: ignore[assignment]  # one for each project instead
    roles = GrantIn(many=True, required=False, default=list)
    teams = serializers.ListField(
        child=serializers.CharField(max_length=KEY), required=False, default=list, max_length=200
    )
    is_owner = serializers.BooleanField(required=False, default=False)


class AccessRequestOut(Output):
    """Somebody asks to be let into a project, or to do more there."""

    id = serializers.UUIDField()
    project = serializers.CharField(source="project.key")
    member = serializers.UUIDField(source="membership.id")
    email = serializers.EmailField(source="membership.user.email")
    role = serializers.ChoiceField(choices=ROLES)
    reason = serializers.CharField()
    status = serializers.ChoiceField(choices=["pending", "approved", "declined"])
    answer = serializers.CharField()
    created_at = serializers.DateTimeField()


class AccessRequestIn(Input):
    """What you would like to be, and where."""

    project = serializers.CharField(max_length=KEY, help_text="The key of the project.")
    role = serializers.ChoiceField(choices=ROLES, required=False, default=Role.VIEWER.value)
    reason = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=500, help_text="Why."
    )


class ApproveIn(Input):
    """The role that is given."""

    role = serializers.ChoiceField(choices=ROLES)
    answer = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class DeclineIn(Input):
    """Why not."""

    answer = serializers.CharField(max_length=500, help_text="The person is told.")


class OrganizationChangeIn(Input):
    """What is to change; what is left out stays."""

    name = serializers.CharField(required=False, max_length=NAME)
    only_owners_create_projects = serializers.BooleanField(required=False)
    require_mfa = serializers.BooleanField(
        required=False, help_text="People who sign in with a password need a second factor."
    )


class OrganizationSettingsOut(Output):
    """What holds for the whole organization."""

    name = serializers.CharField()
    only_owners_create_projects = serializers.BooleanField()
    require_mfa = serializers.BooleanField()


class ProjectChangeIn(Input):
    """What is to change; what is left out stays."""

    name = serializers.CharField(required=False, max_length=NAME)
    is_open = serializers.BooleanField(
        required=False, help_text="Whether every member of the organization may view it."
    )
