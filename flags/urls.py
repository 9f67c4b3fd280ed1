"""Addresses of the flag pages, all below an organization, a project and an environment."""

from django.urls import path

from flags.views import (
    connections,
    detail,
    flags,
    history,
    segments,
    settings,
    targeting,
    why,
)

app_name = "flags"

ONE = "flags/<str:key>/"
RULE = "flags/<str:key>/rules/<str:rule_id>/"
VARIATION = "flags/<str:key>/variations/<str:name>/"
SEGMENT = "segments/<str:key>/"

urlpatterns = [
    path("flags/", flags.flag_list, name="list"),
    path("new-flag/", flags.new, name="new"),
    path("new-flag/key", flags.suggest_key, name="suggest-key"),
    path(ONE, detail.detail, name="detail"),
    path(f"{ONE}switch", detail.switch, name="switch"),
    path(f"{ONE}switch-row", flags.switch_row, name="switch-row"),
    path(f"{ONE}serving", targeting.serving, name="serving"),
    path(f"{ONE}assignments", targeting.assignments, name="assignments"),
    path(f"{ONE}unassign", targeting.unassign, name="unassign"),
    path(f"{ONE}requirements", targeting.requirements, name="requirements"),
    path(f"{ONE}new-rule", targeting.new_rule, name="new-rule"),
    path(RULE, targeting.rule, name="rule"),
    path(f"{RULE}rollout", targeting.rollout, name="rollout"),
    path(f"{RULE}move", targeting.move_rule, name="move-rule"),
    path(f"{RULE}remove", targeting.remove_rule, name="remove-rule"),
    path(f"{ONE}why", why.why, name="why"),
    path(f"{ONE}history", history.history, name="history"),
    path(f"{ONE}history/<uuid:change_id>/roll-back", history.roll_back, name="roll-back"),
    path(f"{ONE}settings", settings.settings, name="settings"),
    path(f"{ONE}describe", settings.describe, name="describe"),
    path(f"{ONE}new-variation", settings.new_variation, name="new-variation"),
    path(VARIATION, settings.variation, name="variation"),
    path(f"{VARIATION}remove", settings.remove_variation, name="remove-variation"),
    path(f"{ONE}archive", settings.archive, name="archive"),
    path(f"{ONE}restore", settings.restore, name="restore"),
    path("segments/", segments.segment_list, name="segments"),
    path("new-segment/", segments.new_segment, name="new-segment"),
    path(SEGMENT, segments.segment, name="segment"),
    path(f"{SEGMENT}edit", segments.edit_segment, name="edit-segment"),
    path(f"{SEGMENT}archive", segments.archive_segment, name="archive-segment"),
    path("connected/", connections.connected, name="connected"),
    path("connected/panel", connections.connected_panel, name="connected-panel"),
]
