"""One organization and its people, and a stranger from another.

Olivia owns, Ada administers, Rita reviews, Max edits, Vera only views, Mia has no role, and
Stan belongs to somebody else.
"""

import time
from dataclasses import dataclass, replace

from django.test import Client

from accounts import access as tickets
from accounts.access import Access
from accounts.actions import credentials, members, organizations
from accounts.actions.credentials import Reach
from accounts.models import AuditEntry, Environment, Organization, Project, User
from accounts.permissions import Role

PASSWORD = "sunny-roof-panels"


@dataclass(frozen=True)
class Person:
    """Somebody who can act by verbs (`at`) and by pages (`client`)."""

    user: User
    organization: str
    project: str

    def at(self, environment: str = "production") -> Access:
        """This person's ticket in an environment of the world's project."""
        return tickets.of_member(self.user, self.organization, self.project, environment)

    @property
    def client(self) -> Client:
        """A signed-in browser."""
        client = Client()
        client.force_login(self.user)
        return client

    @property
    def proven(self) -> Client:
        """A signed-in browser in which the password has just been asked for again."""
        client = self.client
        session = client.session
        proof = {"method": "password", "at": time.time(), "reauthenticated": True}
        session["account_authentication_methods"] = [proof]
        session["account_authentication_methods_user"] = str(self.user.pk)
        session.save()
        return client

    def token(self, *, read_only: bool = False) -> str:
        """A fresh access token."""
        access = tickets.of_member(self.user, self.organization)
        if not access.grants:
            access = replace(access, grants=self.at().grants)
        return credentials.create_token(access, "test", Reach(read_only=read_only)).secret


@dataclass(frozen=True)
class World:
    """What a test finds."""

    organization: Organization
    project: Project
    development: Environment
    staging: Environment
    production: Environment
    olivia: Person
    ada: Person
    rita: Person
    max: Person
    vera: Person
    mia: Person
    stan: Person

    def ledger(self) -> list[AuditEntry]:
        """The organization's lines, in order."""
        return list(AuditEntry.objects.within(self.organization).order_by("sequence"))

    def url(self, path: str = "", environment: str = "production") -> str:
        """A page's address in this world."""
        return f"/o/{self.organization.key}/{self.project.key}/{environment}/{path}"

    def sdk_key(self, kind: str = "server", environment: str = "production") -> str:
        """A fresh SDK key."""
        return credentials.create_sdk_key(self.ada.at(environment), kind, "test").secret


def make_world() -> World:
    """Build everything through the verbs, so that test data obeys the rules."""
    people = {
        name: User.objects.create_user(f"{name}@solar.example", PASSWORD, name=name.title())
        for name in ("olivia", "ada", "rita", "max", "vera", "mia")
    }
    organization = organizations.create_organization("solar", "Solar", people["olivia"])
    owner = tickets.of_member(people["olivia"], "solar")
    project = organizations.create_project(owner, "shop", "Shop")
    # Open projects let every member look; Mia is to see nothing.
    project.is_open = False
    project.save()
    at_project = tickets.of_member(people["olivia"], "solar", "shop")
    roles = {
        "ada": Role.ADMIN,
        "rita": Role.REVIEWER,
        "max": Role.EDITOR,
        "vera": Role.VIEWER,
        "mia": None,
    }
    for name, role in roles.items():
        members.add_member(owner, people[name])
        if role is not None:
            members.set_role(at_project, people[name], role)
    stan = User.objects.create_user("stan@stranger.example", PASSWORD, name="Stan")
    organizations.create_organization("stranger", "Stranger", stan)
    stranger = tickets.of_member(stan, "stranger")
    organizations.create_project(stranger, "shop", "Other shop")
    environments = {one.key: one for one in Environment.objects.within(project)}
    cast = {name: Person(user, "solar", "shop") for name, user in people.items()}
    return World(
        organization=organization,
        project=project,
        development=environments["development"],
        staging=environments["staging"],
        production=environments["production"],
        stan=Person(stan, "stranger", "shop"),
        **cast,
    )
