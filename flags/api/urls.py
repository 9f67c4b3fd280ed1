"""Addresses of flags, segments, changes and connected SDKs in REST."""

from django.urls import path

from flags.api import shared, views

PROJECT = "organizations/<str:organization>/projects/<str:project>"
ENVIRONMENT = f"{PROJECT}/environments/<str:environment>"
FLAG = f"{PROJECT}/flags/<str:key>"
STATE = f"{ENVIRONMENT}/flags/<str:key>"
SEGMENT = f"{PROJECT}/segments/<str:key>"

urlpatterns = [
    path(f"{PROJECT}/flags", views.FlagsView.as_view()),
    path(FLAG, views.FlagView.as_view()),
    path(f"{FLAG}/changes", views.FlagHistoryView.as_view()),
    path(STATE, views.FlagStateView.as_view()),
    path(f"{STATE}/changes", views.FlagStateHistoryView.as_view()),
    path(f"{STATE}/roll-back", views.RollBackView.as_view()),
    path(f"{STATE}/evaluate", views.EvaluateView.as_view()),
    path(f"{PROJECT}/segments", shared.SegmentsView.as_view()),
    path(SEGMENT, shared.SegmentView.as_view()),
    path(f"{SEGMENT}/changes", shared.SegmentHistoryView.as_view()),
    path(f"{PROJECT}/units", shared.UnitsView.as_view()),
    path(f"{PROJECT}/changes/<uuid:change_id>", views.ChangeView.as_view()),
    path(f"{ENVIRONMENT}/connections", views.ConnectionsView.as_view()),
]
