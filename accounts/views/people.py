"""The people of an organization: who they are, what they may do, and what can be done about it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.web.place import organization_access


@require_GET
@login_required
def people(request: HttpRequest, organization: str) -> HttpResponse:
    """Everybody in the organization."""
    organization_access(request, organization)
    return render(request, "accounts/people.html", {"tab": "people", "nav": "organization"})
