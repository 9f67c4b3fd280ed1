"""Lists of people and teams: filtered, and page by page."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from scim2_models import Group, InvalidFilterException, Resource, SearchRequest

from accounts.actions.directory import GONE
from accounts.models import Membership, Organization, Team, TeamMember
from accounts.scim import answers, resources
from accounts.scim.discovery import LARGEST_PAGE
from accounts.scim.resources import Person

USUAL_PAGE: Final = 100
LONGEST_FILTER: Final = 2_000
# No organization has so many; larger numbers no database counts to.
FARTHEST: Final = 1_000_000
# What directories ask before each write; the database answers it by an index.
PLAIN: Final = re.compile(r'\s*(\w+)\s+eq\s+"([^"\\]*)"\s*', re.IGNORECASE)
PERSON_FIELDS: Final = {
    "username": "user__email__iexact",
    "externalid": "directory_id",
    "id": "id",
}
TEAM_FIELDS: Final = {
    "displayname": "name__iexact",
    "externalid": "directory_id",
    "id": "id",
}


def people_of(organization: Organization) -> QuerySet[Membership]:
    """Members a directory sees: all but those it has deleted."""
    rows: QuerySet[Membership] = Membership.objects.within(organization)
    seen = rows.filter(Q(is_active=True) | ~Q(directory_id__startswith=GONE))
    return seen.select_related("user", "organization").prefetch_related("teams")


def teams_of(organization: Organization, *, with_members: bool = True) -> QuerySet[Team]:
    """All teams, whoever made them."""
    rows: QuerySet[Team] = Team.objects.within(organization).select_related("organization")
    if not with_members:
        return rows
    places = TeamMember.across_tenants.select_related("membership__user").order_by("id")
    return rows.prefetch_related(Prefetch("places", places))


def people(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    """A page of members."""
    wanted = SearchRequest[Person].model_validate(_asked(request), scim_policy=resources.TOLERANT)
    rows = people_of(organization).order_by("created_at", "id")
    return _page(wanted, rows, PERSON_FIELDS, resources.person)


def teams(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    """A page of teams."""
    wanted = SearchRequest[Group].model_validate(_asked(request), scim_policy=resources.TOLERANT)
    hidden = {str(path).casefold() for path in wanted.excluded_attributes or ()}
    shows = "members" not in hidden or "members" in (wanted.filter or "").casefold()
    rows = teams_of(organization, with_members=shows).order_by("created_at", "id")
    return _page(wanted, rows, TEAM_FIELDS, lambda team: resources.group(team, with_members=shows))


def _asked(request: HttpRequest) -> dict[str, str]:
    asked = request.GET.dict()
    if len(asked.get("filter", "")) > LONGEST_FILTER:
        raise InvalidFilterException(detail="The filter is too long.")
    # Nobody sorts here, as the service says of itself.
    names = ("filter", "startIndex", "count", "attributes", "excludedAttributes")
    return {name: str(asked[name]) for name in names if name in asked}


def _page(
    wanted: SearchRequest[Any],
    rows: QuerySet[Any],
    fields: dict[str, str],
    shown: Callable[[Any], Resource[Any]],
) -> dict[str, Any]:
    first = min(max(wanted.start_index or 1, 1), FARTHEST)
    asked = USUAL_PAGE if wanted.count is None else wanted.count
    count = min(max(asked, 0), LARGEST_PAGE)
    narrowed = _by_index(wanted, rows, fields)
    if narrowed is not None:
        total = narrowed.count()
        found = [shown(row) for row in narrowed[first - 1 : first - 1 + count]]
    else:
        fitting = [one for one in map(shown, rows) if wanted.filter.match(one)]  # type: ignore[union-attr]
        total = len(fitting)
        found = fitting[first - 1 : first - 1 + count]
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": first,
        "itemsPerPage": len(found),
        "Resources": [answers.written(one, wanted) for one in found],
    }


def _by_index(
    wanted: SearchRequest[Any], rows: QuerySet[Any], fields: dict[str, str]
) -> QuerySet[Any] | None:
    """The rows, where the database can tell them; None where each must be looked at."""
    if not wanted.filter:
        return rows
    plain = PLAIN.fullmatch(str(wanted.filter))
    field = fields.get(plain[1].casefold()) if plain else None
    if plain is None or field is None:
        return None
    if field == "id":
        return rows.filter(id=_uuid(plain[2]))
    # Nobody has an empty one: that is how it is kept that there is none.
    return rows.filter(**{field: plain[2]}) if plain[2] else rows.none()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
