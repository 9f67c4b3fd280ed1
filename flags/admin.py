"""Windows for operators on changes, snapshots and connections: to look, never to change."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from flags.models import Change, SdkConnection, Snapshot, SnapshotHead


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """Submitted lists of edits."""

    list_display = ("created_at", "project", "environment", "author_label", "status", "comment")
    list_filter = ("status",)
    list_select_related = ("project", "environment")
    search_fields = ("=id", "author_label", "comment", "targets__key")
    date_hierarchy = "created_at"


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    """Published documents; their bytes are left out of the pages."""

    list_display = ("published_at", "environment", "epoch", "version", "size", "checksum")
    list_select_related = ("environment",)
    search_fields = ("environment__key", "environment__project__key", "checksum", "=version")
    exclude = ("document",)


@admin.register(SnapshotHead)
class SnapshotHeadAdmin(ReadOnlyAdmin):
    """The newest version of each environment."""

    list_display = ("environment", "epoch", "version", "checksum")
    list_select_related = ("environment",)
    search_fields = ("environment__key", "environment__project__key", "checksum")


@admin.register(SdkConnection)
class SdkConnectionAdmin(ReadOnlyAdmin):
    """Sockets that are or were open."""

    list_display = ("seen_at", "environment", "app", "sdk", "instance", "version", "last_error")
    list_select_related = ("environment",)
    search_fields = ("app", "sdk", "instance", "address", "key_last_four")
