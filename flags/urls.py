"""Addresses of the flag pages, all below an organization, a project and an environment."""

from django.urls import path

from flags.views import (
    compare,
    connections,
    detail,
    flags,
    history,
    impact,
    killing,
    policy,
    requests,
    schedules,
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
REQUEST = "requests/<int:number>/"

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
    path(
        f"{ONE}history/<uuid:change_id>/roll-back-definition",
        history.roll_back_definition,
        name="roll-back-definition",
    ),
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
    path(f"{SEGMENT}history", segments.segment_history, name="segment-history"),
    path(
        f"{SEGMENT}history/<uuid:change_id>/roll-back",
        segments.roll_back_segment,
        name="roll-back-segment",
    ),
    path(f"{SEGMENT}edit", segments.edit_segment, name="edit-segment"),
    path(f"{SEGMENT}archive", segments.archive_segment, name="archive-segment"),
    path(f"{ONE}kill", killing.kill, name="kill"),
    path(f"{ONE}propagation", killing.propagation, name="propagation"),
    path("requests/", requests.request_list, name="requests"),
    path("requests/count", requests.request_count, name="request-count"),
    path(REQUEST, requests.request_detail, name="request"),
    path(f"{REQUEST}impact", impact.request_impact, name="request-impact"),
    path(f"{REQUEST}edit", requests.request_edit, name="request-edit"),
    path(f"{REQUEST}schedule", requests.request_schedule, name="request-schedule"),
    path(f"{REQUEST}do/<str:act>", requests.request_act, name="request-act"),
    path("schedules/", schedules.schedules, name="schedules"),
    path("settings/review/", policy.review_policy, name="review-policy"),
    path("settings/review/<str:what>", policy.change_policy, name="change-policy"),
    path("compare/", compare.choose, name="compare-choose"),
    path("compare/<str:other>/", compare.compare, name="compare"),
    path("connected/", connections.connected, name="connected"),
    path("connected/panel", connections.connected_panel, name="connected-panel"),
]
