"""Windows for operators on people, places, credentials and the ledger: to look, never to change."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import (
    AccessToken,
    AuditEntry,
    Environment,
    Membership,
    Organization,
    Project,
    SdkKey,
    User,
)

# The class takes its model in brackets for the type checker alone.
if TYPE_CHECKING:
    Window = admin.ModelAdmin[Any]
else:
    Window = admin.ModelAdmin


class ReadOnlyAdmin(Window):
    """Tenants' data changes through verbs and `flags.changes` alone: nothing can be edited here."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Any = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Any = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return False


@admin.register(User)
class UserWindow(ReadOnlyAdmin):
    """People."""

    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    exclude = ("password",)


@admin.register(Organization)
class OrganizationWindow(ReadOnlyAdmin):
    """Tenants."""

    list_display = ("key", "name", "created_at")
    search_fields = ("key", "name")


@admin.register(Project)
class ProjectWindow(ReadOnlyAdmin):
    """Their products."""

    list_display = ("key", "name", "organization", "is_open", "created_at")
    list_select_related = ("organization",)
    search_fields = ("key", "name", "organization__key")


@admin.register(Environment)
class EnvironmentWindow(ReadOnlyAdmin):
    """The stages of their products."""

    list_display = ("key", "project", "is_production", "created_at")
    list_select_related = ("project",)
    search_fields = ("key", "project__key", "project__organization__key")


@admin.register(Membership)
class MembershipWindow(ReadOnlyAdmin):
    """Who belongs where."""

    list_display = ("user", "organization", "is_owner", "created_at")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__key")


@admin.register(SdkKey)
class SdkKeyWindow(ReadOnlyAdmin):
    """Keys of applications, without their digests."""

    list_display = ("label", "kind", "environment", "last_four", "last_used_at", "revoked_at")
    list_select_related = ("environment",)
    search_fields = ("label", "=last_four", "environment__project__key")
    exclude = ("digest",)


@admin.register(AccessToken)
class AccessTokenWindow(ReadOnlyAdmin):
    """Tokens of people, without their digests."""

    list_display = ("label", "membership", "last_four", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("membership__user", "organization")
    search_fields = ("label", "=last_four", "membership__user__email")
    exclude = ("digest",)


@admin.register(AuditEntry)
class AuditEntryWindow(ReadOnlyAdmin):
    """The ledgers of all organizations."""

    list_display = ("at", "organization", "sequence", "actor_label", "action", "target")
    list_select_related = ("organization",)
    search_fields = ("actor_label", "action", "target", "=request_id", "organization__key")
    show_full_result_count = False
