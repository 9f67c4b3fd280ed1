"""Addresses of people, places, credentials and history in REST."""

from django.urls import path

from accounts.api import audit, credentials, views

ORGANIZATION = "organizations/<str:organization>"
PROJECT = f"{ORGANIZATION}/projects/<str:project>"
ENVIRONMENT = f"{PROJECT}/environments/<str:environment>"

urlpatterns = [
    path("me", views.MeView.as_view()),
    path("organizations", views.OrganizationsView.as_view()),
    path(ORGANIZATION, views.OrganizationView.as_view()),
    path(f"{ORGANIZATION}/tokens", credentials.TokensView.as_view()),
    path(f"{ORGANIZATION}/tokens/<uuid:token_id>", credentials.TokenView.as_view()),
    path(f"{ORGANIZATION}/service-tokens", credentials.ServiceTokensView.as_view()),
    path(f"{ORGANIZATION}/service-tokens/<uuid:token_id>", credentials.ServiceTokenView.as_view()),
    path(f"{ORGANIZATION}/projects", views.ProjectsView.as_view()),
    path(PROJECT, views.ProjectView.as_view()),
    path(f"{PROJECT}/environments", views.EnvironmentsView.as_view()),
    path(f"{ORGANIZATION}/history", audit.OrganizationAuditView.as_view()),
    path(f"{ORGANIZATION}/history/export", audit.OrganizationAuditExportView.as_view()),
    path(f"{ORGANIZATION}/history/<int:sequence>", audit.OrganizationAuditEntryView.as_view()),
    path(f"{PROJECT}/history", audit.AuditView.as_view()),
    path(f"{PROJECT}/history/export", audit.AuditExportView.as_view()),
    path(f"{PROJECT}/history/<int:sequence>", audit.AuditEntryView.as_view()),
    path(f"{ENVIRONMENT}/sdk-keys", credentials.SdkKeysView.as_view()),
    path(f"{ENVIRONMENT}/sdk-keys/<uuid:key_id>", credentials.SdkKeyView.as_view()),
]
