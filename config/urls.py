"""Every route of the installation."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from accounts.views import docs

PLACE = "o/<str:organization>/<str:project>/<str:environment>/"

urlpatterns = [
    path("", include("accounts.urls")),
    path(PLACE, include("flags.urls")),
    path(PLACE, include("metrics.urls")),
    path(PLACE, include("experiments.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/second-factor/", include("allauth.mfa.urls")),
    path("", include("accounts.scim.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api")),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/", docs.openapi, name="openapi"),
    path("docs/errors", docs.errors, name="errors"),
]

if settings.DEBUG:
    urlpatterns += [path("styleguide/", docs.styleguide, name="styleguide")]

handler400 = "accounts.web.problems.bad_request"
handler404 = "accounts.web.problems.not_found"
handler500 = "accounts.web.problems.broken"
