"""A world in which every route leads somewhere: flags, an experiment with a result, a database."""

import json
import re
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.shortcuts import resolve_url
from django.test import Client, override_settings

from accounts import access as tickets
from accounts import ledger, people, rights, tail
from accounts import queries as account_queries
from accounts.actions import (
    access_requests,
    credentials,
    destinations,
    directory,
    domains,
    environments,
    invitations,
    notices,
    providers,
    teams,
)
from accounts.actions.destinations import DestinationPlan
from accounts.actions.providers import ProviderPlan
from accounts.api import frame
from accounts.api.destinations import DestinationOut
from accounts.api.people import member_version, team_version
from accounts.api.people_serializers import OrganizationSettingsOut
from accounts.api.providers import domain_version, provider_version
from accounts.api.rights import right_version
from accounts.api.serializers import EnvironmentOut, ProjectOut
from accounts.models import AccessRequest, Delivery, FederatedIdentity, Membership, Notice
from accounts.oidc.discovery import Discovered
from accounts.permissions import Permission, Role
from experiments import jobs, lifecycle
from experiments import queries as experiment_queries
from experiments.models import Job
from flags import changes, requests
from flags import queries as flag_queries
from flags.changes import Part
from flags.edits import ArchiveFlag, SetOff, TurnOff
from flags.views.request_forms import written
from metrics import queries as metric_queries
from metrics.actions import sources
from metrics.actions.sources import SourcePlan
from metrics.api.serializers import AssignmentQueryOut, fact_version, source_version
from tests.architecture.access_table import CAST, LED_TO_SIGN_IN, SQL, Row
from tests.experiments.factories import a_plan, make_metrics, visit
from tests.world.cast import Person, World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, make_segment

ROLES = {
    "owner": "olivia",
    "admin": "ada",
    "reviewer": "rita",
    "editor": "max",
    "viewer": "vera",
    "member": "mia",
    "stranger": "stan",
}
# What a route's parameter stands for, by the word before it.
KEYS = {
    "sso": "solar-okta",
    "providers": "solar-okta",
    "flags": "quote-form",
    "segments": "beta",
    "environments": "canary",
    "compare": "canary",
    "metrics": "submit-rate",
    "facts": "submitted",
    "sources": "team",
    "event-sources": "team",
    "assignments": "assigned",
    "assignment-queries": "assigned",
    "experiments": "running",
    "variations": "c",
    "rules": "r1",
    "on-flag": "banner",
    "ask": "analysis",
    "validate": "assignment",
}
PARAMETER = re.compile(r"<(\w+):(\w+)>")


@dataclass
class Furnished:
    """The world, its doors, and what stands behind them."""

    world: World
    names: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    def address(self, row: Row, organization: str = "solar") -> str:
        """Where a row leads in this world."""
        parts: list[str] = []
        for part in row.route.split("/"):
            found = PARAMETER.fullmatch(part)
            parts.append(self._named(found[2], parts[-1], row) if found else part)
        place = "/" + "/".join(parts)
        return place.replace("solar", organization, 1)

    def _named(self, parameter: str, before: str, row: Row) -> str:
        if parameter in row.at:
            return str(self.filled(row.at[parameter]))
        return self.names.get(parameter) or KEYS[before]

    def ask(self, row: Row, who: str, address: str = "") -> int | str:
        """The status this one of the cast is answered, or that they are led to sign in."""
        answer = self.answer(row, who, address)
        leads_to = urlsplit(answer.headers.get("Location", "")).path
        return LED_TO_SIGN_IN if leads_to == resolve_url(settings.LOGIN_URL) else answer.status_code

    def answer(self, row: Row, who: str, address: str = "") -> Any:
        """What this one of the cast is answered; whatever it did is undone."""
        with transaction.atomic():
            answer = self._request(row, who, address or self.address(row))
            transaction.set_rollback(True)
        return answer

    def _request(self, row: Row, who: str, address: str) -> Any:
        headers: dict[str, str] = {}
        if row.version is not None:
            headers["If-Match"] = f'"{self.filled(row.version)}"'
        content = self.filled(row.content) if row.content is not None else {}
        if not row.is_rest:
            client = self.clients[who]
            return client.generic(row.method, address, *_form(content, row.method), headers=headers)
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        data = json.dumps(content) if row.method not in {"GET", "DELETE"} else ""
        return Client().generic(
            row.method, address, data, content_type="application/json", headers=headers
        )

    def filled(self, given: Any) -> Any:
        """Content with what this world calls the things in braces."""
        if isinstance(given, str) and given.startswith("{") and given.endswith("}"):
            return self.names[given[1:-1]]
        if isinstance(given, dict):
            return {key: self.filled(value) for key, value in given.items()}
        return given


def _form(content: dict[str, Any], method: str) -> tuple[str, str]:
    if method != "POST":
        return "", "application/octet-stream"
    return urlencode(content), "application/x-www-form-urlencoded"


def furnish() -> Furnished:
    """Make everything through the verbs, and sign the cast in."""
    world = make_world()
    names = {"organization": "solar", "project": "shop", "environment": "production"}
    _make_people(world, names)
    _make_company_sign_in(world, names)
    _make_flags(world, names)
    _make_request(world, names)
    _make_environments(world, names)
    _make_source(world, names)
    _make_experiments(world, names)
    _make_notifications(world, names)
    made = credentials.create_sdk_key(world.ada.at(), "server", "shop")
    names["key_id"] = str(made.key.id)
    names["sequence"] = str(ledger.newest(world.vera.at()))
    people: dict[str, Person] = {role: getattr(world, name) for role, name in ROLES.items()}
    found = Furnished(world, names)
    found.tokens = {role: person.token() for role, person in people.items()}
    found.clients = {role: person.client for role, person in people.items()}
    found.clients["nobody"] = Client()
    names["token_id"] = str(account_queries.tokens(world.olivia.at())[0].id)
    _make_account_things(found)
    _note_member_version(world, names)
    assert set(found.clients) == set(CAST)
    return found


def _note_member_version(world: World, names: dict[str, str]) -> None:
    """Last of all: what others made of Max by now belongs to his version."""
    owner = tickets.of_member(world.olivia.user, "solar")
    person = people.member(owner, UUID(names["member_id"]))
    names["member_version"] = member_version(person)


def _make_people(world: World, names: dict[str, str]) -> None:
    owner = tickets.of_member(world.olivia.user, "solar")
    max_ = Membership.objects.within(world.organization).get(user=world.max.user)
    names["member_id"] = str(max_.pk)
    names["team"] = teams.create(owner, "web", "Web").key
    entrance = invitations.Entrance((("shop", Role.VIEWER),))
    letter = invitations.invite(world.ada.at(), ["nora@solar.example"], entrance)[0]
    names["invitation_id"] = str(letter.invitation.pk)
    names["secret"] = invitations.make_link(world.ada.at(), entrance, uses=9).secret
    access_requests.ask(world.vera.at(), "shop", Role.EDITOR, "I want to help.")
    names["request_id"] = str(AccessRequest.objects.within(world.project).get().pk)
    names["team_version"] = team_version(people.team(owner, "web"))
    settings_now = OrganizationSettingsOut(world.organization).data
    names["settings_version"] = frame.fingerprint(settings_now)
    names["project_version"] = frame.fingerprint(ProjectOut(world.project).data)
    names["right_version"] = right_version(rights.right_apart(world.ada.at(), Permission.ROLL_BACK))


def _make_company_sign_in(world: World, names: dict[str, str]) -> None:
    """A provider at an address that is never called, with a domain, a group and somebody known."""
    owner = tickets.of_member(world.olivia.user, "solar")
    there = "http://127.0.0.1:9"
    document = {
        "issuer": there,
        "authorization_endpoint": f"{there}/authorize",
        "token_endpoint": f"{there}/token",
        "jwks_uri": f"{there}/keys",
    }
    row = providers.add(owner, "Okta", Discovered(document, ()))
    providers.set_up(owner, row.key, ProviderPlan("Okta", "wayfork"), "secret")
    providers.switch(owner, row.key, is_enabled=True)
    names["domain_id"] = str(domains.claim(owner, "solar.example", row.key).pk)
    domains.prove_by_operator(owner, "solar.example")
    group = providers.add_group(owner, row.key, "devs", project_key="shop", role="editor")
    names["group_id"] = str(group.pk)
    known = FederatedIdentity.objects.create(provider=row, subject="max", user=world.max.user)
    names["identity_id"] = str(known.pk)
    first = Membership.objects.within(world.organization).get(user=world.olivia.user)
    names["owner_id"] = str(first.pk)
    names["provider_version"] = provider_version(providers.provider_of(owner, row.key))
    domain = domains.domain_of(owner, UUID(names["domain_id"]))
    names["domain_version"] = domain_version(domain)


def _make_notifications(world: World, names: dict[str, str]) -> None:
    """A webhook of the project with a message that waits, and a line in the owner's inbox. Its
    address was allowed when it was saved and is so no more: nothing is ever connected to."""
    plan = DestinationPlan("webhook", "Chat", "http://127.0.0.1:9/")
    with override_settings(OUTBOUND_ALLOW=["127.0.0.0/8"]):
        made = destinations.create(world.ada.at(), plan).destination
    owner = Membership.objects.within(world.organization).get(user=world.olivia.user)
    notices.follow(world.olivia.at(), "flag", "quote-form", on=True)
    tail.read_all()
    names["destination_id"] = str(made.id)
    names["destination_version"] = frame.fingerprint(DestinationOut(made).data)
    names["delivery_id"] = str(Delivery.objects.within(world.organization)[0].id)
    names["notice_id"] = str(
        Notice.objects.within(world.organization).filter(membership=owner)[0].id
    )
    names["leaving_token"] = notices.leaving_token(owner, "review")


def _make_account_things(found: Furnished) -> None:
    world, names = found.world, found.names
    for client in found.clients.values():
        # Seen for the first time now, and not again in each request, which is undone.
        client.get("/account/sessions/")
    names["session_id"] = str(UserSession.objects.get(user=world.olivia.user).pk)
    service = credentials.create_service_token(world.ada.at(), "deploy", "viewer")
    names["service_id"] = str(service.token.id)
    owner = tickets.of_member(world.olivia.user, "solar")
    names["directory_token_id"] = str(directory.create_token(owner, "Okta").token.id)


def _make_flags(world: World, names: dict[str, str]) -> None:
    access = world.max.at()
    make_flag(access, on=True)
    make_flag(access, "banner", on=True)
    texts = {"a": "A", "b": "B", "c": "C"}
    make_flag(access, "headline", type="string", variations=texts, off="a", fallthrough="b")
    make_flag(access, "old")
    changes.submit(access, changes.definition("old"), [ArchiveFlag()], expected_version=1)
    names["change_id"] = str(flag_queries.history(access, "state", "quote-form")[0].id)
    add_rule(access, "quote-form", make_rule(share=50_000))
    add_rule(access, "quote-form", make_rule(rule_id="r2"))
    make_segment(access)
    made = {"definition": "quote-form", "segment": "beta"}
    for kind, key in made.items():
        change = flag_queries.history(access, kind, key)[-1]
        names[f"{kind}_change_id"] = str(change.id)


def _make_request(world: World, names: dict[str, str]) -> None:
    """Two flags in one request that nobody has looked at."""
    access = world.max.at()
    parts = [
        Part(changes.state(key), (TurnOff(),), flag_queries.flag(access, key).version)
        for key in ("quote-form", "headline")
    ]
    parts[1] = replace(parts[1], edits=(SetOff("b"),))
    asked = requests.open_request(access, parts, comment="Less of both")
    assert isinstance(asked, changes.Pending)
    names["number"] = str(asked.change.number)
    names["content_hash"] = asked.change.content_hash
    names["parts"] = written(asked.change.parts)


def _make_environments(world: World, names: dict[str, str]) -> None:
    """One more in use, of which the stranger has none, and one in the archive."""
    access = world.ada.at()
    for key in ("canary", "attic"):
        environments.create(access, key, key.title())
    environments.archive(access, "attic")
    here = flag_queries.flag(access, "headline").version
    names["flag_seen"] = f"headline:{here}:0"
    names["environment_version"] = frame.fingerprint(EnvironmentOut(world.production).data)


def _make_source(world: World, names: dict[str, str]) -> None:
    folder = Path(settings.EVENT_FILE_FOLDERS[0])
    folder.mkdir(exist_ok=True)
    path = folder / "team.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE assigned"
            " (experiment_id TEXT, user_id TEXT, timestamp TEXT, treatment TEXT)"
        )
        database.execute("INSERT INTO assigned VALUES ('e', 'u', '2026-01-01T00:00:00', 'a')")
    database.close()
    names["file"] = str(path)
    access = world.ada.at()
    team = sources.connect(access, "team", SourcePlan("Team", "sqlite", {"path": str(path)}))
    query = sources.define_assignment_query(
        access, "team", "assigned", name="Assigned", unit_type="user", sql=SQL
    )
    names["source"] = source_version(team)
    names["query"] = AssignmentQueryOut(query).data["version"]


def _make_experiments(world: World, names: dict[str, str]) -> None:
    access = world.max.at()
    make_metrics(access)
    names["fact"] = fact_version(metric_queries.fact(access, "submitted"))
    lifecycle.create(access, "draft", a_plan())
    lifecycle.create(access, "running", a_plan(flag_key="banner"))
    lifecycle.start(access, "running")
    running = experiment_queries.experiment(access, "running")
    assert running.started_at is not None
    for arm in ("off", "on"):
        visit(access, arm, 40, submitted=10, key="running", start=running.started_at)
    job = jobs.ask(access, "running", Job.Kind.ANALYSIS)
    jobs.work_off(job.id)
    names["job_id"] = str(job.id)
    result = experiment_queries.latest_result(running)
    assert result is not None, experiment_queries.job(access, "running", job.id).problem
    names["result_id"] = str(result.id)
