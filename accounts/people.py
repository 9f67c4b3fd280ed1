"""Reads of the people of an organization: who is in it, in which teams, with which roles."""

from django.db.models import Exists, Q

from accounts.models import Membership, Organization, Project, ProjectRole, TeamRole, User


def projects_seen(organization: Organization, user: User) -> list[Project]:
    """The organization's projects this person may look at, in one query."""
    places = Membership.objects.within(organization).filter(user=user, is_active=True)
    rows = Project.objects.within(organization)
    if not places.filter(is_owner=True).exists():
        held = ProjectRole.objects.within(organization).filter(membership__in=places)
        of_teams = TeamRole.objects.within(organization).filter(team__places__membership__in=places)
        rows = rows.filter(
            Q(is_open=True) & Exists(places)
            | Q(id__in=held.values("project"))
            | Q(id__in=of_teams.values("project"))
        )
    return list(rows)
