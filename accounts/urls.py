"""Routes of people, places, keys and history."""

from django.urls import path

from accounts.views import audit, keys, people, places

app_name = "accounts"
PLACE = "o/<str:organization>/<str:project>/<str:environment>"
# The organization's own area: a project's key can never stand in the way of its pages.
AREA = "org/<str:organization>"

urlpatterns = [
    path("", places.home, name="home"),
    path(f"{AREA}/people/", people.people, name="people"),
    path("o/<str:organization>/projects/new", places.new_project, name="project-new"),
    path("o/<str:organization>/<str:project>/", places.project, name="project"),
    path(f"{PLACE}/keys/", keys.keys, name="keys"),
    path(f"{PLACE}/keys/<uuid:key_id>/revoke", keys.revoke_key, name="key-revoke"),
    path(f"{PLACE}/tokens/", keys.tokens, name="tokens"),
    path(f"{PLACE}/tokens/<uuid:token_id>/revoke", keys.revoke_token, name="token-revoke"),
    path(f"{PLACE}/audit/", audit.history, name="audit"),
    path(f"{PLACE}/audit/<int:sequence>/", audit.entry, name="audit-entry"),
]
