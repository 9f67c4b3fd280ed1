"""The demo world: Solar Flare, a shop for solar panels, with people, flags and an experiment.

Everything is made through the verbs a person would use; only the past (visitors of the last two
weeks) is written by the event intake with the dates it would have had.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from accounts import access as tickets
from accounts.access import Access
from accounts.actions import credentials, members, organizations, rights, teams
from accounts.models import Environment, Membership, Organization, Project, User
from accounts.permissions import Permission, Role
from experiments import analysis, lifecycle, queries
from experiments.design import MetricRole
from experiments.lifecycle import ArmPlan, Plan
from experiments.models import Experiment
from flags import changes, requests
from flags import queries as flag_queries
from flags.edits import (
    AddRule,
    CreateFlag,
    CreateSegment,
    Edit,
    ReplaceRule,
    SetFallthrough,
    SetStewards,
    Steward,
    TurnOn,
)
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan
from metrics.ingest import buffer
from metrics.ingest.schema import MOST_EVENTS, read_batch
from wayfork.engine import Allocation, Clause, Compiled, Rule, Split, compile_snapshot

ORGANIZATION: Final = "solar-flare"
PROJECT: Final = "shop"
DOMAIN: Final = "solarflare.example"
DAYS: Final = 15
VISITORS_PER_DAY: Final = 420
# The rule's id salts the split. Were it drawn anew, chance alone would leave one demo in ten
# without the winner its tour speaks of.
RULE: Final = "bc6b17cf49a8"

PEOPLE: Final = (
    ("olivia", "Olivia Brandt", None),
    ("ada", "Ada Lindqvist", Role.ADMIN),
    ("rita", "Rita Okafor", Role.REVIEWER),
    ("max", "Max Ferrari", Role.EDITOR),
    ("vera", "Vera Novak", Role.VIEWER),
    ("pia", "Pia Moreau", Role.VIEWER),
)
# The product manager: she looks, and takes back what goes wrong.
MAY_ROLL_BACK: Final = "pia"

FLAGS: Final = (
    CreateFlag(
        key="quote-form",
        flag_name="Quote form",
        type="string",
        variations={"classic": "classic", "guided": "guided"},
        off="classic",
        fallthrough="classic",
        description="Which form a visitor fills in to get a quote for a roof.",
        tags=("quotes", "web"),
        stage="experiment",
        client_side=True,
    ),
    CreateFlag(
        key="roof-calculator",
        flag_name="Roof calculator",
        type="boolean",
        variations={"on": True, "off": False},
        off="off",
        fallthrough="off",
        description="Estimates the yield of a roof from its address.",
        tags=("quotes",),
        client_side=True,
    ),
    CreateFlag(
        key="free-shipping-from",
        flag_name="Free shipping from",
        type="integer",
        variations={"never": 0, "from-500": 500, "from-1000": 1000},
        off="never",
        fallthrough="from-1000",
        description="Order value in euros from which shipping is free.",
        tags=("checkout",),
        stage="operational",
    ),
    CreateFlag(
        key="support-chat",
        flag_name="Support chat",
        type="boolean",
        variations={"on": True, "off": False},
        off="off",
        fallthrough="off",
        description="The chat window, while somebody is there to answer.",
        tags=("support", "web"),
        stage="operational",
        client_side=True,
    ),
    CreateFlag(
        key="season-banner",
        flag_name="Season banner",
        type="json",
        variations={
            "none": {"text": "", "tone": "plain"},
            "winter": {"text": "Plan now, harvest the spring sun", "tone": "warm"},
        },
        off="none",
        fallthrough="winter",
        description="What stands above the shop's pages.",
        tags=("web",),
        client_side=True,
    ),
)

FACTS: Final = (
    ("form-opened", FactPlan("Quote form opened", event_name="form opened")),
    ("form-submitted", FactPlan("Quote form submitted", event_name="form submitted")),
    ("minutes-on-page", FactPlan("Minutes on page", event_name="minutes on page")),
    ("purchase", FactPlan("Purchase", event_name="purchase")),
)

METRICS: Final = (
    (
        "quote-submitted",
        MetricPlan("Quote requests", "proportion", "form-submitted", unit=""),
        MetricRole.PRIMARY,
    ),
    (
        "revenue",
        MetricPlan("Revenue per visitor", "sum", "purchase", unit="EUR"),
        MetricRole.SECONDARY,
    ),
    (
        "time-on-page",
        MetricPlan("Time on page", "duration", "minutes-on-page", unit="minutes"),
        MetricRole.SECONDARY,
    ),
    (
        "form-opened",
        MetricPlan("Visitors who open the form", "proportion", "form-opened"),
        MetricRole.GUARDRAIL,
    ),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the terminal tells a newcomer: who to be, and the keys of each environment."""

    email: str
    name: str
    password: str
    keys: dict[str, dict[str, str]]

    def to_json(self) -> dict[str, Any]:
        return {
            "sign_in": {"email": self.email, "password": self.password, "name": self.name},
            "keys": self.keys,
        }


def make(password: str) -> Demo:
    """Make the demo world, or, where it exists, give its people this password and new keys."""
    owner = _people(password)
    organization = Organization.objects.filter(key=ORGANIZATION).first()
    if organization is None:
        organization = organizations.create_organization(ORGANIZATION, "Solar Flare", owner)
        _furnish(owner)
    return Demo(owner.email, owner.name, password, _keys(owner))


def _people(password: str) -> User:
    made = []
    for key, name, _role in PEOPLE:
        email = f"{key}@{DOMAIN}"
        user = User.objects.filter(email=email).first() or User(email=email, name=name)
        user.set_password(password)
        user.save()
        made.append(user)
    return made[0]


def _furnish(owner: User) -> None:
    at_organization = tickets.of_member(owner, ORGANIZATION)
    organizations.create_project(at_organization, PROJECT, "Web shop")
    organizations.create_project(at_organization, "installers", "Installer portal")
    for key, _name, role in PEOPLE[1:]:
        user = User.objects.get(email=f"{key}@{DOMAIN}")
        members.add_member(at_organization, user)
        for project in (PROJECT, "installers"):
            members.set_role(tickets.of_member(owner, ORGANIZATION, project), user, role)
    _name_product_manager(owner)
    _make_team(at_organization)
    _make_shop(owner)
    _make_portal(owner)


def _name_product_manager(owner: User) -> None:
    """A right that stands apart from her role."""
    people = Membership.objects.within(Organization.objects.get(key=ORGANIZATION))
    manager = people.get(user__email=f"{MAY_ROLL_BACK}@{DOMAIN}")
    for project in (PROJECT, "installers"):
        access = tickets.of_member(owner, ORGANIZATION, project)
        rights.set_person(access, Permission.ROLL_BACK, manager.pk, is_named=True)


def _make_team(access: Access) -> None:
    teams.create(access, "quotes", "Quotes")
    people = Membership.objects.within(access.organization)
    of_quotes = people.filter(user__email__in=[f"{key}@{DOMAIN}" for key in ("max", "rita")])
    teams.set_members(access, "quotes", list(of_quotes.values_list("id", flat=True)))


def _make_portal(owner: User) -> None:
    access = tickets.of_member(owner, ORGANIZATION, "installers", "production")
    create = CreateFlag(
        key="photo-upload",
        flag_name="Photo upload",
        type="boolean",
        variations={"on": True, "off": False},
        off="off",
        fallthrough="on",
        description="Installers send pictures of the finished roof.",
        tags=("mobile",),
    )
    changes.submit(access, changes.definition(create.key), [create], expected_version=0)


def _make_shop(owner: User) -> None:
    access = tickets.of_member(owner, ORGANIZATION, PROJECT, "production")
    for create in FLAGS:
        changes.submit(access, changes.definition(create.key), [create], expected_version=0)
    _make_segments(access)
    for environment in Environment.objects.within(access.project).select_related("project"):
        _set_states(access.at(environment))
    for key, fact in FACTS:
        definitions.define_fact(access, key, fact)
    for key, metric, _role in METRICS:
        definitions.define_metric(access, key, metric)
    _make_experiment(access)
    _ask_for_review()


def _ask_for_review() -> None:
    """Something for a newcomer to look at: a colleague's change that waits for other eyes."""
    ada = User.objects.get(email=f"ada@{DOMAIN}")
    admin = tickets.of_member(ada, ORGANIZATION, PROJECT, "production")
    careful = SetStewards((Steward("flag", "roof-calculator", approvals=1).to_json(),))
    stewards = changes.Target(careful.kind, "stewards")
    changes.submit(admin, stewards, [careful], expected_version=0)
    max_ = User.objects.get(email=f"max@{DOMAIN}")
    access = tickets.of_member(max_, ORGANIZATION, PROJECT, "production")
    here = flag_queries.flag(access, "roof-calculator")
    part = changes.Part(
        changes.state("roof-calculator"), (ReplaceRule(_sunny(60_000)),), here.version
    )
    comment = "The estimates agree with what our installers measured: on to more than half."
    requests.open_request(access, [part], comment=comment, apply_when_approved=True)


def _make_segments(access: Access) -> None:
    employees = CreateSegment(
        key="employees",
        segment_name="Employees",
        rules=((Clause("email", "ends_with", (f"@{DOMAIN}",)),),),
        description="People who work here see things first.",
    )
    sunny = CreateSegment(
        key="sunny-countries",
        segment_name="Sunny countries",
        rules=((Clause("country", "in", ("ES", "IT", "GR", "PT")),),),
        description="Where a roof pays for itself within seven years.",
    )
    for segment in (employees, sunny):
        changes.submit(access, changes.segment(segment.key), [segment], expected_version=0)


def _set_states(access: Access) -> None:
    employees = Rule(
        id="employees", name="Employees first", when=(_in_segment("employees"),), serve="on"
    )
    states: dict[str, list[Edit]] = {
        "quote-form": [TurnOn()],
        "roof-calculator": [TurnOn(), AddRule(employees), AddRule(_sunny(30_000))],
        "free-shipping-from": [TurnOn()],
        "support-chat": [
            TurnOn(),
            SetFallthrough(Split("user", "support-chat.share", (("on", 50_000), ("off", 50_000)))),
        ],
    }
    for key, edits in states.items():
        version = flag_queries.flag(access, key).version
        changes.submit(access, changes.state(key), edits, expected_version=version)


def _sunny(steps: int) -> Rule:
    return Rule(
        id="sunny",
        name="Sunny countries",
        when=(_in_segment("sunny-countries"),),
        serve="on",
        allocation=Allocation("user", "roof-calculator.sunny", ((0, steps),)),
    )


def _in_segment(key: str) -> Clause:
    return Clause(None, "in_segment", (key,))


def _make_experiment(access: Access) -> None:
    plan = Plan(
        name="Guided quote form",
        hypothesis=(
            "If we ask one question at a time, more visitors will request a quote,"
            " because each step looks easy."
        ),
        flag_key="quote-form",
        arms=(ArmPlan("classic", 50_000, is_control=True), ArmPlan("guided", 50_000)),
        metrics=tuple((key, role) for key, _metric, role in METRICS),
        planned_days=14,
    )
    lifecycle.create(access, "guided-quote-form", plan)
    rows = Experiment.objects.within(access.environment).filter(key="guided-quote-form")
    rows.update(rule_id=RULE)
    lifecycle.start(access, "guided-quote-form", comment="Agreed in the weekly review")
    began = timezone.now() - timedelta(days=DAYS)
    rows.update(start_asked_at=began)
    _live_through(access, began)
    analysis.run(queries.experiment(access, "guided-quote-form"), asked_by=access.actor.user)


def _live_through(access: Access, began: datetime) -> None:
    """The visitors of the past, split by the engine exactly as they would have been."""
    snapshot = flag_queries.snapshot(access.environment)
    if snapshot is None:
        return
    items: list[dict[str, Any]] = []
    for item in past(compile_snapshot(snapshot), began, random.Random(7)):  # noqa: S311 - a demo
        items.append(item)
        if len(items) == MOST_EVENTS:
            _write(access, items)
            items = []
    _write(access, items)


def _write(access: Access, items: list[dict[str, Any]]) -> None:
    buffer.write(access.environment.pk, read_batch(items, timezone.now()))


def past(compiled: Compiled, began: datetime, dice: random.Random) -> Iterator[dict[str, Any]]:
    """Exposures and events of two weeks of visitors, as an SDK would have sent them."""
    for number in range(DAYS * VISITORS_PER_DAY):
        day, place = divmod(number, VISITORS_PER_DAY)
        at = began + timedelta(
            days=day, seconds=86_400 * (place + dice.random()) / VISITORS_PER_DAY
        )
        visitor = f"visitor-{number:06d}"
        answer = compiled.evaluate("quote-form", "classic", {"userId": visitor}, "string")
        if answer.experiment is None or at > datetime.now(UTC) - timedelta(hours=1):
            continue
        yield {
            "kind": "exposure",
            "id": str(_id(dice)),
            "at": at.timestamp() * 1000,
            "experiment": answer.experiment,
            "variation": answer.variation,
            "unitType": "user",
            "unitId": visitor,
            "flag": "quote-form",
            "version": answer.version,
        }
        for name, minutes, value in visit(str(answer.value), dice):
            yield {
                "kind": "track",
                "id": str(_id(dice)),
                "at": (at + timedelta(minutes=minutes)).timestamp() * 1000,
                "event": name,
                "units": {"user": visitor},
                "value": value,
            }


def visit(form: str, dice: random.Random) -> Iterator[tuple[str, float, float | None]]:
    """What one visitor does: event, minutes after arriving, value. The guided form helps."""
    guided = form == "guided"
    minutes = dice.lognormvariate(0.9, 0.7) * (1.08 if guided else 1.0)
    yield "minutes on page", minutes, round(minutes, 2)
    if dice.random() >= 0.46:
        return
    yield "form opened", minutes * 0.3, None
    if dice.random() >= (0.345 if guided else 0.28):
        return
    yield "form submitted", minutes * 0.9, None
    if dice.random() < 0.22:
        yield "purchase", minutes + 20, round(dice.lognormvariate(6.6, 0.6), 2)


def _id(dice: random.Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128), version=4)


def _keys(owner: User) -> dict[str, dict[str, str]]:
    project: Project = Project.across_tenants.get(organization__key=ORGANIZATION, key=PROJECT)
    access = tickets.of_member(owner, ORGANIZATION, PROJECT)
    keys: dict[str, dict[str, str]] = {}
    for environment in Environment.objects.within(project).select_related("project__organization"):
        here = replace(access, at_environment=environment)
        keys[environment.key] = {
            kind: credentials.create_sdk_key(here, kind, f"Demo {kind}").secret
            for kind in ("server", "client")
        }
    return keys
