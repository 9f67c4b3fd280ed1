"""Routes of people, places, keys and history."""

from django.urls import path

from accounts.sso.urls import urlpatterns as company_sign_in
from accounts.views import (
    access_requests,
    account,
    audit,
    directory,
    environments,
    inbox,
    invitations,
    keys,
    people,
    places,
    project_people,
    providers,
    settings,
    teams,
    tokens,
)
from accounts.views.destinations import routes as destination_routes

app_name = "accounts"
PLACE = "o/<str:organization>/<str:project>/<str:environment>"
# The organization's own area: a project's key can never stand in the way of its pages.
AREA = "org/<str:organization>"
SIGN_IN = f"{AREA}/sign-in"
PROVIDER = f"{SIGN_IN}/providers/<str:key>"
SETTINGS = f"{PLACE}/settings/environments"
MANAGED = f"{AREA}/projects/<str:project>"

urlpatterns = [
    path("", places.home, name="home"),
    # In the place of allauth's own page.
    path("accounts/email/", account.addresses, name="addresses"),
    path("account/profile/", account.profile, name="profile"),
    path("account/second-factor/", account.second_factor, name="second-factor"),
    path("account/second-factor/code.svg", account.qr_code, name="qr-code"),
    path("account/sessions/", account.own_sessions, name="sessions"),
    path("account/sessions/end-others", account.end_other_sessions, name="sessions-end-others"),
    path("account/sessions/<int:session_id>/end", account.end_session, name="session-end"),
    path("account/tokens/", tokens.own_tokens, name="own-tokens"),
    path("account/tokens/<uuid:token_id>/revoke", tokens.revoke_own_token, name="own-token-revoke"),
    path("organizations/new", settings.new_organization, name="organization-new"),
    path("invitations/<str:secret>/", invitations.invitation, name="invitation"),
    path(f"{AREA}/people/", people.people, name="people"),
    path(f"{AREA}/people/<uuid:member_id>/", people.person, name="person"),
    path(f"{AREA}/people/<uuid:member_id>/teams", people.set_teams, name="person-teams"),
    path(f"{AREA}/people/<uuid:member_id>/owner", people.set_owner, name="person-owner"),
    path(f"{AREA}/people/<uuid:member_id>/deactivate", people.deactivate, name="person-deactivate"),
    path(f"{AREA}/people/<uuid:member_id>/reactivate", people.reactivate, name="person-reactivate"),
    path(f"{AREA}/people/<uuid:member_id>/remove", people.remove, name="person-remove"),
    path(f"{AREA}/invitations/", invitations.invitations, name="invitations"),
    path(
        f"{AREA}/invitations/<uuid:invitation_id>/resend",
        invitations.resend,
        name="invitation-resend",
    ),
    path(
        f"{AREA}/invitations/<uuid:invitation_id>/revoke",
        invitations.revoke,
        name="invitation-revoke",
    ),
    path(f"{AREA}/teams/", teams.teams, name="teams"),
    path(f"{AREA}/teams/<str:team>/", teams.team, name="team"),
    path(f"{AREA}/teams/<str:team>/members", teams.set_members, name="team-members"),
    path(f"{AREA}/teams/<str:team>/delete", teams.delete, name="team-delete"),
    path(f"{AREA}/access-requests/", access_requests.requests, name="access-requests"),
    path(f"{AREA}/directory/", directory.directory, name="directory"),
    path(f"{AREA}/directory/tokens", directory.new_token, name="directory-token-new"),
    path(
        f"{AREA}/directory/tokens/<uuid:directory_token_id>/revoke",
        directory.revoke_token,
        name="directory-token-revoke",
    ),
    path(f"{AREA}/settings/", settings.organization_settings, name="organization-settings"),
    path(f"{AREA}/settings/transfer", settings.transfer, name="organization-transfer"),
    path(f"{AREA}/settings/leave", settings.leave, name="organization-leave"),
    path(f"{MANAGED}/", project_people.project, name="project-people"),
    path(f"{MANAGED}/people", project_people.set_role, name="project-role"),
    path(f"{MANAGED}/teams", project_people.set_team_role, name="project-team-role"),
    path(f"{MANAGED}/invite", invitations.invite_to_project, name="project-invite"),
    path(
        f"{MANAGED}/invitations/<uuid:invitation_id>/resend",
        invitations.resend,
        name="project-invitation-resend",
    ),
    path(
        f"{MANAGED}/invitations/<uuid:invitation_id>/revoke",
        invitations.revoke,
        name="project-invitation-revoke",
    ),
    path(
        f"{MANAGED}/access-requests/<uuid:request_id>/approve",
        access_requests.approve,
        name="access-approve",
    ),
    path(
        f"{MANAGED}/access-requests/<uuid:request_id>/decline",
        access_requests.decline,
        name="access-decline",
    ),
    path("o/<str:organization>/projects/new", places.new_project, name="project-new"),
    path("o/<str:organization>/<str:project>/", places.project, name="project"),
    path(f"{PLACE}/keys/", keys.keys, name="keys"),
    path(f"{PLACE}/keys/<uuid:key_id>/revoke", keys.revoke_key, name="key-revoke"),
    path(f"{PLACE}/tokens/", tokens.tokens, name="tokens"),
    path(f"{PLACE}/tokens/<uuid:token_id>/revoke", tokens.revoke_token, name="token-revoke"),
    path(f"{PLACE}/service-tokens/", tokens.service_tokens, name="service-tokens"),
    path(
        f"{PLACE}/service-tokens/<uuid:service_id>/revoke",
        tokens.revoke_service_token,
        name="service-token-revoke",
    ),
    path(f"{SETTINGS}/", environments.environments, name="environments"),
    path(f"{SETTINGS}/move", environments.move, name="environment-move"),
    path(f"{SETTINGS}/<str:key>/", environments.environment, name="environment"),
    path(f"{SETTINGS}/<str:key>/archive", environments.archive, name="environment-archive"),
    path(f"{SETTINGS}/<str:key>/unarchive", environments.unarchive, name="environment-unarchive"),
    path(f"{PLACE}/audit/", audit.history, name="audit"),
    path(f"{PLACE}/audit/export", audit.export, name="audit-export"),
    path(f"{PLACE}/audit/<int:sequence>/", audit.entry, name="audit-entry"),
    path(f"{AREA}/audit/", audit.organization_history, name="organization-audit"),
    path(f"{AREA}/audit/export", audit.organization_export, name="organization-audit-export"),
    path(
        f"{AREA}/audit/<int:sequence>/",
        audit.organization_entry,
        name="organization-audit-entry",
    ),
    path(f"{SIGN_IN}/", providers.overview, name="providers"),
    path(f"{SIGN_IN}/break-glass", providers.set_break_glass, name="break-glass"),
    path(f"{SIGN_IN}/domains/", providers.claim_domain, name="domains"),
    path(f"{SIGN_IN}/domains/<uuid:domain_id>/prove", providers.prove_domain, name="domain-prove"),
    path(f"{SIGN_IN}/domains/<uuid:domain_id>/route", providers.route_domain, name="domain-route"),
    path(
        f"{SIGN_IN}/domains/<uuid:domain_id>/give-up",
        providers.give_up_domain,
        name="domain-give-up",
    ),
    path(f"{PROVIDER}/", providers.provider, name="provider"),
    path(f"{PROVIDER}/test", providers.test, name="provider-test"),
    path(f"{PROVIDER}/discover", providers.discover, name="provider-discover"),
    path(f"{PROVIDER}/switch", providers.switch, name="provider-switch"),
    path(f"{PROVIDER}/require", providers.require, name="provider-require"),
    path(f"{PROVIDER}/delete", providers.delete, name="provider-delete"),
    path(f"{PROVIDER}/groups/", providers.add_group, name="provider-groups"),
    path(
        f"{PROVIDER}/groups/<uuid:group_id>/remove",
        providers.remove_group,
        name="provider-group-remove",
    ),
    path(f"{PROVIDER}/people/<uuid:identity_id>/forget", providers.forget, name="provider-forget"),
    path(f"{AREA}/inbox/", inbox.lines, name="inbox"),
    path(f"{AREA}/inbox/wishes/", inbox.wishes, name="inbox-wishes"),
    path(f"{AREA}/inbox/read-all", inbox.read_all, name="inbox-read-all"),
    path(f"{AREA}/inbox/<uuid:notice_id>/", inbox.open_line, name="inbox-line"),
    path("notices/leave/<str:leaving_token>/", inbox.leave, name="notices-leave"),
    path(f"{PLACE}/follow/<str:kind>/<str:key>/", inbox.follow, name="follow"),
    *destination_routes(f"{AREA}/notifications", ""),
    *destination_routes(f"{MANAGED}/notifications", "project-"),
    *company_sign_in,
]
