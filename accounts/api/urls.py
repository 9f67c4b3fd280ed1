"""Addresses of people, places, credentials and history in REST."""

from django.urls import path

from accounts.api import credentials, views

ORGANIZATION = "organizations/<str:organization>"
PROJECT = f"{ORGANIZATION}/projects/<str:project>"
ENVIRONMENT = f"{PROJECT}/environments/<str:environment>"

urlpatterns = [
    path("me", views.MeView.as_view()),
    path("organizations", views.OrganizationsView.as_view()),
    path(ORGANIZATION, views.OrganizationView.as_view()),
    path(f"{ORGANIZATION}/tokens", credentials.TokensView.as_view()),
    path(f"{ORGANIZATION}/tokens/<uuid:token_id>", credentials.TokenView.as_view()),
    path(f"{ORGANIZATION}/projects", views.ProjectsView.as_view()),
    path(PROJECT, views.ProjectView.as_view()),
    path(f"{PROJECT}/environments", views.EnvironmentsView.as_view()),
    path(f"{PROJECT}/history", views.AuditView.as_view()),
    path(f"{PROJECT}/history/<int:sequence>", views.AuditEntryView.as_view()),
    path(f"{ENVIRONMENT}/sdk-keys", credentials.SdkKeysView.as_view()),
    path(f"{ENVIRONMENT}/sdk-keys/<uuid:key_id>", credentials.SdkKeyView.as_view()),
]
