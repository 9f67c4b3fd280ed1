"""Routes of people, places, keys and history."""

from django.urls import path

from accounts.views import account, audit, keys, people, places, tokens

app_name = "accounts"
PLACE = "o/<str:organization>/<str:project>/<str:environment>"
# The organization's own area: a project's key can never stand in the way of its pages.
AREA = "org/<str:organization>"

urlpatterns = [
    path("", places.home, name="home"),
    path("account/profile/", account.profile, name="profile"),
    path("account/second-factor/", account.second_factor, name="second-factor"),
    path("account/second-factor/code.svg", account.qr_code, name="qr-code"),
    path("account/sessions/", account.own_sessions, name="sessions"),
    path("account/sessions/end-others", account.end_other_sessions, name="sessions-end-others"),
    path("account/sessions/<int:session_id>/end", account.end_session, name="session-end"),
    path("account/tokens/", tokens.own_tokens, name="own-tokens"),
    path(
        "account/tokens/<uuid:token_id>/revoke", tokens.revoke_own_token, name="own-token-revoke"
    ),
    path(f"{AREA}/people/", people.people, name="people"),
    path("o/<str:organization>/projects/new", places.new_project, name="project-new"),
    path("o/<str:organization>/<str:project>/", places.project, name="project"),
    path(f"{PLACE}/keys/", keys.keys, name="keys"),
    path(f"{PLACE}/keys/<uuid:key_id>/revoke", keys.revoke_key, name="key-revoke"),
    path(f"{PLACE}/tokens/", tokens.tokens, name="tokens"),
    path(f"{PLACE}/tokens/<uuid:token_id>/revoke", tokens.revoke_token, name="token-revoke"),
    path(f"{PLACE}/service-tokens/", tokens.service_tokens, name="service-tokens"),
    path(
        f"{PLACE}/service-tokens/<uuid:token_id>/revoke",
        tokens.revoke_service_token,
        name="service-token-revoke",
    ),
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
]
