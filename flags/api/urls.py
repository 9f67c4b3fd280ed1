"""Addresses of flags, segments, changes and connected SDKs in REST."""

from django.urls import path

from flags.api import impact, policy, requests, reviews, shared, views

PROJECT = "organizations/<str:organization>/projects/<str:project>"
ENVIRONMENT = f"{PROJECT}/environments/<str:environment>"
FLAG = f"{PROJECT}/flags/<str:key>"
STATE = f"{ENVIRONMENT}/flags/<str:key>"
REQUEST = f"{PROJECT}/requests/<int:number>"
SEGMENT = f"{PROJECT}/segments/<str:key>"

urlpatterns = [
    path(f"{PROJECT}/flags", views.FlagsView.as_view()),
    path(FLAG, views.FlagView.as_view()),
    path(f"{FLAG}/changes", views.FlagHistoryView.as_view()),
    path(f"{FLAG}/roll-back", views.DefinitionRollBackView.as_view()),
    path(STATE, views.FlagStateView.as_view()),
    path(f"{STATE}/changes", views.FlagStateHistoryView.as_view()),
    path(f"{STATE}/roll-back", views.RollBackView.as_view()),
    path(f"{STATE}/kill", requests.KillView.as_view()),
    path(f"{STATE}/evaluate", views.EvaluateView.as_view()),
    path(f"{PROJECT}/segments", shared.SegmentsView.as_view()),
    path(SEGMENT, shared.SegmentView.as_view()),
    path(f"{SEGMENT}/changes", shared.SegmentHistoryView.as_view()),
    path(f"{SEGMENT}/roll-back", shared.SegmentRollBackView.as_view()),
    path(f"{PROJECT}/units", shared.UnitsView.as_view()),
    path(f"{PROJECT}/stewards", policy.StewardsView.as_view()),
    path(f"{ENVIRONMENT}/review-policy", policy.ReviewPolicyView.as_view()),
    path(f"{PROJECT}/changes/<uuid:change_id>", views.ChangeView.as_view()),
    path(f"{PROJECT}/requests", requests.RequestsView.as_view()),
    path(REQUEST, requests.RequestView.as_view()),
    path(f"{REQUEST}/impact", impact.RequestImpactView.as_view()),
    path(f"{REQUEST}/open", requests.OpenView.as_view()),
    path(f"{REQUEST}/discard", requests.DiscardView.as_view()),
    path(f"{REQUEST}/approve", reviews.ApproveView.as_view()),
    path(f"{REQUEST}/request-changes", reviews.RequestChangesView.as_view()),
    path(f"{REQUEST}/reject", reviews.RejectView.as_view()),
    path(f"{REQUEST}/withdraw", requests.WithdrawView.as_view()),
    path(f"{REQUEST}/comments", requests.CommentView.as_view()),
    path(f"{REQUEST}/rebase", requests.RebaseView.as_view()),
    path(f"{REQUEST}/schedule", requests.ScheduleView.as_view()),
    path(f"{REQUEST}/unschedule", requests.UnscheduleView.as_view()),
    path(f"{REQUEST}/apply", reviews.ApplyView.as_view()),
    path(f"{REQUEST}/bypass", reviews.BypassView.as_view()),
    path(f"{REQUEST}/look-at", reviews.LookAtView.as_view()),
    path(f"{ENVIRONMENT}/connections", views.ConnectionsView.as_view()),
]
