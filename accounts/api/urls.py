"""Addresses of people, places, credentials and history in REST."""

from django.urls import path

from accounts.api import (
    admissions,
    audit,
    credentials,
    destinations,
    environments,
    notices,
    people,
    providers,
    rights,
    views,
)

ORGANIZATION = "organizations/<str:organization>"
DESTINATION = f"{ORGANIZATION}/destinations/<uuid:destination_id>"
PROVIDER = f"{ORGANIZATION}/providers/<str:key>"
DOMAIN = f"{ORGANIZATION}/domains/<uuid:domain_id>"
PROJECT = f"{ORGANIZATION}/projects/<str:project>"
ENVIRONMENT = f"{PROJECT}/environments/<str:environment>"

urlpatterns = [
    path("me", views.MeView.as_view()),
    path("organizations", views.OrganizationsView.as_view()),
    path(ORGANIZATION, views.OrganizationView.as_view()),
    path(f"{ORGANIZATION}/tokens", credentials.TokensView.as_view()),
    path(f"{ORGANIZATION}/tokens/<uuid:token_id>", credentials.TokenView.as_view()),
    path(f"{ORGANIZATION}/service-tokens", credentials.ServiceTokensView.as_view()),
    path(
        f"{ORGANIZATION}/service-tokens/<uuid:service_id>", credentials.ServiceTokenView.as_view()
    ),
    path(f"{ORGANIZATION}/settings", views.OrganizationSettingsView.as_view()),
    path(f"{ORGANIZATION}/members", people.MembersView.as_view()),
    path(f"{ORGANIZATION}/members/<uuid:member_id>", people.MemberView.as_view()),
    path(f"{ORGANIZATION}/teams", people.TeamsView.as_view()),
    path(f"{ORGANIZATION}/teams/<str:team>", people.TeamView.as_view()),
    path(f"{ORGANIZATION}/invitations", admissions.InvitationsView.as_view()),
    path(f"{ORGANIZATION}/invitations/<uuid:invitation_id>", admissions.InvitationView.as_view()),
    path(
        f"{ORGANIZATION}/invitations/<uuid:invitation_id>/letter",
        admissions.InvitationLetterView.as_view(),
    ),
    path(f"{ORGANIZATION}/access-requests", admissions.AccessRequestsView.as_view()),
    path(f"{ORGANIZATION}/projects", views.ProjectsView.as_view()),
    path(f"{PROJECT}/members", people.ProjectMembersView.as_view()),
    path(f"{PROJECT}/members/<uuid:member_id>/role", people.ProjectMemberView.as_view()),
    path(f"{PROJECT}/teams/<str:team>/role", people.ProjectTeamView.as_view()),
    path(f"{PROJECT}/rights", rights.ProjectRightsView.as_view()),
    path(f"{PROJECT}/rights/<str:right>", rights.ProjectRightView.as_view()),
    path(f"{PROJECT}/invitations", admissions.ProjectInvitationsView.as_view()),
    path(f"{PROJECT}/invitations/<uuid:invitation_id>", admissions.ProjectInvitationView.as_view()),
    path(f"{PROJECT}/access-requests/<uuid:request_id>/approve", admissions.ApproveView.as_view()),
    path(f"{PROJECT}/access-requests/<uuid:request_id>/decline", admissions.DeclineView.as_view()),
    path(PROJECT, views.ProjectView.as_view()),
    path(f"{PROJECT}/environments", environments.EnvironmentsView.as_view()),
    path(f"{PROJECT}/environment-order", environments.OrderView.as_view()),
    path(ENVIRONMENT, environments.EnvironmentView.as_view()),
    path(f"{ENVIRONMENT}/archive", environments.ArchiveView.as_view()),
    path(f"{ENVIRONMENT}/unarchive", environments.UnarchiveView.as_view()),
    path(f"{ORGANIZATION}/history", audit.OrganizationAuditView.as_view()),
    path(f"{ORGANIZATION}/history/export", audit.OrganizationAuditExportView.as_view()),
    path(f"{ORGANIZATION}/history/<int:sequence>", audit.OrganizationAuditEntryView.as_view()),
    path(f"{PROJECT}/history", audit.AuditView.as_view()),
    path(f"{PROJECT}/history/export", audit.AuditExportView.as_view()),
    path(f"{PROJECT}/history/<int:sequence>", audit.AuditEntryView.as_view()),
    path(f"{ORGANIZATION}/notices", notices.NoticesView.as_view()),
    path(f"{ORGANIZATION}/notices/read", notices.NoticesReadView.as_view()),
    path(f"{ORGANIZATION}/notices/<uuid:notice_id>/read", notices.NoticeReadView.as_view()),
    path(f"{ORGANIZATION}/notice-wishes", notices.WishesView.as_view()),
    path(f"{ORGANIZATION}/destinations", destinations.DestinationsView.as_view()),
    path(DESTINATION, destinations.DestinationView.as_view()),
    path(f"{DESTINATION}/secret", destinations.DestinationSecretView.as_view()),
    path(f"{DESTINATION}/test", destinations.DestinationTestView.as_view()),
    path(f"{DESTINATION}/active", destinations.DestinationSwitchView.as_view()),
    path(f"{DESTINATION}/deliveries", destinations.DeliveriesView.as_view()),
    path(
        f"{DESTINATION}/deliveries/<uuid:delivery_id>/redeliver",
        destinations.RedeliveryView.as_view(),
    ),
    path(f"{ORGANIZATION}/providers", providers.ProvidersView.as_view()),
    path(PROVIDER, providers.ProviderView.as_view()),
    path(f"{PROVIDER}/discover", providers.ProviderDiscoveryView.as_view()),
    path(f"{PROVIDER}/enabled", providers.ProviderSwitchView.as_view()),
    path(f"{PROVIDER}/required", providers.ProviderRequirementView.as_view()),
    path(f"{PROVIDER}/groups", providers.ProviderGroupsView.as_view()),
    path(f"{PROVIDER}/groups/<uuid:group_id>", providers.ProviderGroupView.as_view()),
    path(f"{ORGANIZATION}/domains", providers.DomainsView.as_view()),
    path(DOMAIN, providers.DomainView.as_view()),
    path(f"{DOMAIN}/prove", providers.DomainProofView.as_view()),
    path(f"{ORGANIZATION}/members/<uuid:owner_id>/break-glass", providers.BreakGlassView.as_view()),
    path(f"{ENVIRONMENT}/sdk-keys", credentials.SdkKeysView.as_view()),
    path(f"{ENVIRONMENT}/sdk-keys/<uuid:key_id>", credentials.SdkKeyView.as_view()),
]
