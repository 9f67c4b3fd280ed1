"""Routes of SCIM: one base address per organization; what lies below is SCIM's own affair."""

from django.urls import path

from accounts.scim import door

urlpatterns = [
    path("scim/v2/<str:organization>", door.enter, name="scim-base"),
    path("scim/v2/<str:organization>/", door.enter),
    path("scim/v2/<str:organization>/<path:path>", door.enter, name="scim"),
]
