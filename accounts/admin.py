"""Windows for operators on people, places, credentials and the ledger: to look, never to change."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.db.models import Count, Exists, F, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.access import Origin
from accounts.actions import operators
from accounts.errors import DomainError
from accounts.models import (
    AccessRequest,
    AccessToken,
    AuditEntry,
    AuditHead,
    AuditProof,
    ClaimedDomain,
    Delivery,
    DeliveryAttempt,
    Destination,
    DirectoryToken,
    Environment,
    FederatedIdentity,
    GroupRole,
    IdentityProvider,
    Invitation,
    Membership,
    Organization,
    Project,
    ProjectRight,
    ProjectRole,
    SdkKey,
    SsoSession,
    Team,
    User,
)
from accounts.web.origin import origin_of
from accounts.windows import ReadOnlyAdmin, ReadOnlyLines, link, link_to_many

__all__ = ["ReadOnlyAdmin"]


def counted(model: type[Model], by: str, **which: object) -> Any:
    """How many rows of a table belong to each: a subquery, so that counts do not multiply."""
    rows: QuerySet[Any] = QuerySet(model)
    found = rows.filter(**{by: OuterRef("pk")}, **which).order_by().values(by)
    number = found.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)


def linked(name: str, title: str) -> Callable[[Any, Any], SafeString | str]:
    """A column that leads to another window."""

    @admin.display(description=title, ordering=name)
    def column(_window: Any, row: Any) -> SafeString | str:
        target: Model | None = getattr(row, name)
        return link(target)

    return column


# --- people


class MembershipLines(ReadOnlyLines):
    """Where a person belongs."""

    model = Membership
    fields = ("organization", "is_owner", "is_active", "may_break_glass", "created_at")
    readonly_fields = ("created_at",)


class IdentityLines(ReadOnlyLines):
    """Who a person is at companies' providers."""

    model = FederatedIdentity
    fields = ("provider", "subject", "email", "last_used_at")


@admin.register(User)
class UserWindow(ReadOnlyAdmin):
    """People. Shutting an account is the one act: it belongs to the installation, to no tenant."""

    list_display = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "second_factor",
        "organizations",
        "identities_known",
        "sessions_open",
        "date_joined",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("email", "name")
    exclude = ("password", "groups", "user_permissions")
    inlines = (MembershipLines, IdentityLines)
    actions = ("deactivate", "reactivate")

    def get_queryset(self, request: HttpRequest) -> Any:
        factors = Authenticator.objects.filter(user=OuterRef("pk"))
        return (
            super()
            .get_queryset(request)
            .annotate(
                has_factor=Exists(factors.exclude(type=Authenticator.Type.RECOVERY_CODES)),
                organizations_counted=counted(Membership, "user"),
                identities_counted=counted(FederatedIdentity, "user"),
                sessions_counted=counted(UserSession, "user"),
            )
        )

    @admin.display(description="second factor", boolean=True, ordering="has_factor")
    def second_factor(self, row: Any) -> bool:
        return bool(row.has_factor)

    @admin.display(ordering="organizations_counted")
    def organizations(self, row: Any) -> SafeString | str:
        return link_to_many(row.organizations_counted, Membership, user__id__exact=row.pk)

    @admin.display(description="identities", ordering="identities_counted")
    def identities_known(self, row: Any) -> SafeString | str:
        return link_to_many(row.identities_counted, FederatedIdentity, user__id__exact=row.pk)

    @admin.display(description="sessions", ordering="sessions_counted")
    def sessions_open(self, row: Any) -> SafeString | str:
        return link_to_many(row.sessions_counted, UserSession, user__id__exact=row.pk)

    def has_shut_permission(self, request: HttpRequest) -> bool:
        """Read by the actions below."""
        return isinstance(request.user, User) and request.user.is_superuser

    @admin.action(
        description="Deactivate: sign out everywhere, refuse sign-in", permissions=["shut"]
    )
    def deactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        self._for_each(request, chosen, operators.deactivate, "deactivated")

    @admin.action(description="Reactivate: let sign in again", permissions=["shut"])
    def reactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        self._for_each(request, chosen, operators.reactivate, "reactivated")

    def _for_each(
        self,
        request: HttpRequest,
        chosen: QuerySet[User],
        act: Callable[[User, User, Origin], None],
        word: str,
    ) -> None:
        if not isinstance(request.user, User):
            return
        for person in chosen:
            try:
                act(request.user, person, origin_of(request))
            except DomainError as error:
                self.message_user(request, f"{person.email}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{person.email} is {word}.", messages.SUCCESS)


@admin.register(UserSession)
class SessionWindow(ReadOnlyAdmin):
    """Open sessions, without the keys that would let somebody into one."""

    list_display = ("person", "ip", "user_agent", "created_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "ip")
    exclude = ("session_key", "data")
    person = linked("user", "person")


@admin.register(Authenticator)
class AuthenticatorWindow(ReadOnlyAdmin):
    """Which second factors people have, without what they hold."""

    list_display = ("person", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    exclude = ("data",)
    person = linked("user", "person")


class RoleLines(ReadOnlyLines):
    """What a member may do, project by project."""

    model = ProjectRole
    fields = ("project", "role")


class RightLines(ReadOnlyLines):
    """For which rights apart from roles somebody, or a team, is named."""

    model = ProjectRight
    fields = ("project", "right")
    show_change_link = False


@admin.register(Membership)
class MembershipWindow(ReadOnlyAdmin):
    """Who belongs where."""

    list_display = ("user", "place", "is_owner", "is_active", "may_break_glass", "created_at")
    list_filter = ("is_owner", "is_active", "may_break_glass")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__name", "organization__key")
    inlines = (RoleLines, RightLines)
    place = linked("organization", "organization")


@admin.register(Team)
class TeamWindow(ReadOnlyAdmin):
    """Teams of organizations."""

    list_display = ("key", "name", "place", "people", "created_at")
    list_select_related = ("organization",)
    search_fields = ("key", "name", "organization__key")
    inlines = (RightLines,)
    place = linked("organization", "organization")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(people_counted=Count("places"))

    @admin.display(ordering="people_counted")
    def people(self, row: Any) -> int:
        return int(row.people_counted)


@admin.register(Invitation)
class InvitationWindow(ReadOnlyAdmin):
    """Ways in that were sent out, without what opens them."""

    list_display = ("__str__", "place", "uses_left", "created_at", "expires_at", "revoked_at")
    list_select_related = ("organization",)
    search_fields = ("email", "organization__key")
    exclude = ("digest",)
    place = linked("organization", "organization")


@admin.register(AccessRequest)
class AccessRequestWindow(ReadOnlyAdmin):
    """Who asked to be let in."""

    list_display = ("__str__", "status", "created_at", "decided_at")
    list_filter = ("status",)
    list_select_related = ("project", "membership__user")
    search_fields = ("membership__user__email", "project__key")


# --- places


@admin.register(Organization)
class OrganizationWindow(ReadOnlyAdmin):
    """Tenants."""

    list_display = (
        "key",
        "name",
        "people",
        "projects_held",
        "providers_known",
        "require_mfa",
        "ledger",
        "created_at",
    )
    list_filter = ("require_mfa", "created_at")
    search_fields = ("key", "name")

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .annotate(
                people_counted=counted(Membership, "organization", is_active=True),
                projects_counted=counted(Project, "organization"),
                providers_counted=counted(IdentityProvider, "organization"),
                ledger_lines=F("audithead__sequence"),
                ledger_problem=F("auditproof__problem"),
            )
        )

    @admin.display(ordering="people_counted")
    def people(self, row: Any) -> SafeString | str:
        return link_to_many(
            row.people_counted, Membership, organization__id__exact=row.pk, is_active__exact=1
        )

    @admin.display(description="projects", ordering="projects_counted")
    def projects_held(self, row: Any) -> SafeString | str:
        return link_to_many(row.projects_counted, Project, organization__id__exact=row.pk)

    @admin.display(description="providers", ordering="providers_counted")
    def providers_known(self, row: Any) -> SafeString | str:
        return link_to_many(row.providers_counted, IdentityProvider, organization__id__exact=row.pk)

    @admin.display(description="audit history", ordering="ledger_lines")
    def ledger(self, row: Any) -> str:
        told = f"{row.ledger_lines or 0} lines"
        return f"{told}, BROKEN" if row.ledger_problem else told


class NamedLines(ReadOnlyLines):
    """Who is named for the rights that stand apart from roles."""

    model = ProjectRight
    fields = ("right", "membership", "team")
    show_change_link = False


@admin.register(Project)
class ProjectWindow(ReadOnlyAdmin):
    """Their products."""

    list_display = ("key", "name", "place", "is_open", "environments_held", "created_at")
    inlines = (NamedLines,)
    list_filter = ("is_open",)
    list_select_related = ("organization",)
    search_fields = ("key", "name", "organization__key")
    place = linked("organization", "organization")

    def get_queryset(self, request: HttpRequest) -> Any:
        environments = counted(Environment, "project")
        return super().get_queryset(request).annotate(environments_counted=environments)

    @admin.display(description="environments", ordering="environments_counted")
    def environments_held(self, row: Any) -> SafeString | str:
        return link_to_many(row.environments_counted, Environment, project__id__exact=row.pk)


@admin.register(Environment)
class EnvironmentWindow(ReadOnlyAdmin):
    """The stages of their products."""

    list_display = ("key", "product", "is_production", "archived_at", "created_at")
    list_filter = ("is_production",)
    list_select_related = ("project",)
    search_fields = ("key", "project__key", "project__organization__key")
    product = linked("project", "project")


# --- how companies sign in


class DomainLines(ReadOnlyLines):
    """Domains a provider vouches for."""

    model = ClaimedDomain
    fields = ("domain", "proved_at", "proved_by")


class GroupLines(ReadOnlyLines):
    """What a provider's groups bring."""

    model = GroupRole
    fields = ("group", "project", "role", "team")
    show_change_link = False


@admin.register(IdentityProvider)
class ProviderWindow(ReadOnlyAdmin):
    """Companies' providers; the client secret is not shown, not even sealed."""

    list_display = ("key", "name", "place", "issuer", "is_enabled", "is_required", "people")
    list_filter = ("is_enabled", "is_required")
    list_select_related = ("organization",)
    search_fields = ("key", "name", "issuer", "organization__key")
    exclude = ("client_secret",)
    inlines = (DomainLines, GroupLines)
    place = linked("organization", "organization")

    def get_queryset(self, request: HttpRequest) -> Any:
        people = counted(FederatedIdentity, "provider")
        return super().get_queryset(request).annotate(people_counted=people)

    @admin.display(ordering="people_counted")
    def people(self, row: Any) -> SafeString | str:
        return link_to_many(row.people_counted, FederatedIdentity, provider__id__exact=row.pk)


@admin.register(ClaimedDomain)
class DomainWindow(ReadOnlyAdmin):
    """Whose e-mail domains are whose, without the word that proves it."""

    list_display = ("domain", "place", "provider", "proved_at", "proved_by", "created_at")
    list_filter = (("proved_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization", "provider")
    search_fields = ("domain", "organization__key")
    exclude = ("token",)
    place = linked("organization", "organization")


@admin.register(FederatedIdentity)
class IdentityWindow(ReadOnlyAdmin):
    """Who is who at which provider."""

    list_display = ("subject", "person", "provider", "email", "last_used_at")
    list_select_related = ("user", "provider")
    search_fields = ("=subject", "email", "user__email", "provider__key")
    person = linked("user", "person")


@admin.register(SsoSession)
class SsoSessionWindow(ReadOnlyAdmin):
    """Sessions providers vouch for, without their keys and tokens."""

    list_display = ("identity", "created_at", "renew_at", "ends_at")
    list_select_related = ("identity__provider",)
    search_fields = ("identity__user__email", "identity__provider__key")
    exclude = ("session_key", "sid", "id_token")


@admin.register(DirectoryToken)
class DirectoryTokenWindow(ReadOnlyAdmin):
    """Tokens of directories, without their digests."""

    list_display = ("label", "place", "last_four", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("organization",)
    search_fields = ("label", "=last_four", "organization__key")
    exclude = ("digest",)
    place = linked("organization", "organization")


# --- credentials


@admin.register(SdkKey)
class SdkKeyWindow(ReadOnlyAdmin):
    """Keys of applications, without their digests."""

    list_display = ("label", "kind", "place", "last_four", "last_used_at", "revoked_at")
    list_filter = ("kind",)
    list_select_related = ("environment",)
    search_fields = ("label", "=last_four", "environment__project__key")
    exclude = ("digest",)
    place = linked("environment", "environment")


@admin.register(AccessToken)
class AccessTokenWindow(ReadOnlyAdmin):
    """Tokens of people and services, without their digests."""

    list_display = (
        "label",
        "place",
        "membership",
        "role",
        "last_four",
        "last_used_at",
        "expires_at",
        "suspended_at",
        "revoked_at",
    )
    list_filter = ("role", "read_only")
    list_select_related = ("membership__user", "membership__organization", "organization")
    search_fields = ("label", "=last_four", "membership__user__email")
    exclude = ("digest",)
    place = linked("organization", "organization")


# --- what is told outside


@admin.register(Destination)
class DestinationWindow(ReadOnlyAdmin):
    """Where the ledger is told, without addresses and secrets: a chat's address is one itself."""

    list_display = ("name", "kind", "place", "project", "told_up_to", "is_active", "waiting")
    list_filter = ("kind", "is_active")
    list_select_related = ("organization", "project")
    search_fields = ("name", "organization__key")
    exclude = ("url", "secret", "former_secret")
    place = linked("organization", "organization")

    def get_queryset(self, request: HttpRequest) -> Any:
        waiting = counted(Delivery, "destination", status=Delivery.Status.WAITING)
        return super().get_queryset(request).annotate(waiting_counted=waiting)

    @admin.display(ordering="waiting_counted")
    def waiting(self, row: Any) -> SafeString | str:
        return link_to_many(
            row.waiting_counted,
            Delivery,
            destination__id__exact=row.pk,
            status__exact=Delivery.Status.WAITING,
        )


class AttemptLines(ReadOnlyLines):
    """Each try."""

    model = DeliveryAttempt
    fields = ("at", "status_code", "milliseconds", "problem")
    show_change_link = False


@admin.register(Delivery)
class DeliveryWindow(ReadOnlyAdmin):
    """Messages on their way; what they say is the tenant's and is left out."""

    list_display = ("action", "target", "status", "attempts", "next_attempt_at", "created_at")
    list_filter = ("status",)
    list_select_related = ("destination",)
    search_fields = ("action", "destination__name", "destination__organization__key")
    exclude = ("body",)
    inlines = (AttemptLines,)
    target = linked("destination", "destination")
    show_full_result_count = False


# --- the ledger


@admin.register(AuditHead)
class AuditHeadWindow(ReadOnlyAdmin):
    """How long each ledger is."""

    list_display = ("organization", "sequence", "hash")
    list_select_related = ("organization",)
    search_fields = ("organization__key", "=hash")


@admin.register(AuditProof)
class AuditProofWindow(ReadOnlyAdmin):
    """How far each ledger was proved."""

    list_display = ("organization", "sequence", "at", "problem", "hash")
    list_select_related = ("organization",)
    search_fields = ("organization__key", "problem")


@admin.register(AuditEntry)
class AuditEntryWindow(ReadOnlyAdmin):
    """The ledgers of all organizations. Searched by whole words: there may be millions of lines."""

    list_display = ("at", "place", "sequence", "actor_label", "action", "target", "summary")
    list_select_related = ("organization",)
    search_fields = ("=actor_label", "=action", "=request_id", "=organization__key")
    show_full_result_count = False
    # Newest first in each ledger: the only order of all lines that an index has.
    ordering = ("-organization_id", "-sequence")
    place = linked("organization", "organization")
