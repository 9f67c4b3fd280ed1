"""Environments: made, named, colored, ordered, archived; plum is production's alone."""

from typing import Any

import pytest

from accounts import access as tickets
from accounts import inbox, queries, tail
from accounts.access import Access
from accounts.actions import credentials, environments, rights
from accounts.actions.environments import CannotArchive, PastReview
from accounts.errors import AlreadyExists, InvalidInput, NotFound, NotPermitted, ReasonMissing
from accounts.models import Environment
from accounts.permissions import Permission
from experiments import lifecycle
from flags import changes
from flags import queries as flag_queries
from flags.drafting import EnvironmentArchived
from flags.edits import AddVariation, TurnOn
from tests.experiments.factories import a_plan, make_metrics
from tests.flags.requests.steps import ask_for_review, said
from tests.world.cast import Person, World, make_world
from tests.world.factories import make_flag, make_segment, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def keys_of(world: World, *, archived: bool = False) -> list[str]:
    return [one.key for one in queries.environments(world.vera.at(), archived=archived)]


def test_an_admin_makes_an_environment_that_serves_every_flag_off_at_once(world: World):
    make_flag(world.max.at(), on=True)
    made = environments.create(world.ada.at(), "canary", "Canary", color="blue")
    assert keys_of(world) == ["development", "staging", "production", "canary"]
    access = world.max.at("canary")
    assert flag_queries.flag(access, "quote-form").state.enabled is False
    served = flag_queries.snapshot(made)
    assert served is not None
    assert served.environment == "canary"
    assert set(served.flags) == {"quote-form"}
    assert world.ledger()[-1].action == "environment.created"


def test_keys_are_taken_once_and_names_are_needed(world: World):
    access = world.ada.at()
    for key in ("staging", "Upper", "", "a b"):
        with pytest.raises((AlreadyExists, InvalidInput)):
            environments.create(access, key, "Again")
    with pytest.raises(InvalidInput):
        environments.create(access, "fine", "  ")
    for number in range(environments.MOST - 3):
        environments.create(access, f"e{number}", "E")
    with pytest.raises(InvalidInput, match="at most 30"):
        environments.create(access, "one-too-many", "E")


def test_plum_is_productions_and_production_is_plum(world: World):
    access = world.ada.at()
    with pytest.raises(InvalidInput, match="Plum is kept"):
        environments.create(access, "canary", "Canary", color="plum")
    with pytest.raises(InvalidInput, match="Plum is kept"):
        environments.describe(access, "staging", color="plum")
    with pytest.raises(InvalidInput, match="Production is plum"):
        environments.describe(access, "production", color="blue")
    with pytest.raises(InvalidInput, match="no color"):
        environments.describe(access, "staging", color="pink")
    assert environments.create(access, "eu", "EU", is_production=True).color == "plum"


def test_only_admins_of_the_project_may(world: World):
    for who in (world.max, world.rita, world.vera):
        for attempt in (
            lambda access: environments.create(access, "canary", "Canary"),
            lambda access: environments.describe(access, "staging", name="Other"),
            lambda access: environments.reorder(access, ["staging", "development", "production"]),
            lambda access: environments.archive(access, "staging"),
            lambda access: environments.unarchive(access, "staging"),
        ):
            with pytest.raises(NotPermitted):
                attempt(who.at())


def test_another_tenants_environments_are_not_there(world: World):
    with pytest.raises(NotFound):
        environments.describe(world.ada.at(), "no-such", name="Mine")
    theirs = world.stan.at("staging").environment
    environments.archive(world.ada.at(), "staging")
    theirs.refresh_from_db()
    assert theirs.archived_at is None


def test_the_order_names_each_environment_in_use_once(world: World):
    access = world.ada.at()
    environments.reorder(access, ["production", "development", "staging"])
    assert keys_of(world) == ["production", "development", "staging"]
    for wrong in (["production"], ["production", "staging", "staging"], [], ["a", "b", "c"]):
        with pytest.raises(InvalidInput):
            environments.reorder(access, wrong)
    environments.archive(access, "production")
    environments.reorder(access, ["staging", "development"])
    assert keys_of(world) == ["staging", "development"]


def test_an_archived_environment_takes_no_changes_but_the_others_do(world: World):
    access = world.max.at("staging")
    make_flag(access)
    submit(access, "quote-form", TurnOn())
    version = flag_queries.head_version(world.staging)
    environments.archive(world.ada.at("staging"), "staging", reason="No longer needed")
    assert world.ledger()[-1].reason == "No longer needed"
    stale = world.max.at("staging")
    with pytest.raises(EnvironmentArchived):
        submit(stale, "quote-form", TurnOn())
    target = changes.definition("quote-form")
    variation = AddVariation("maybe", value=True)
    changes.submit(world.max.at(), target, [variation], expected_version=1)
    assert flag_queries.head_version(world.staging) == version
    assert keys_of(world) == ["development", "production"]
    assert keys_of(world, archived=True) == ["staging"]
    # Its history can still be read.
    assert flag_queries.history(stale, "state", "quote-form")


def test_brought_back_it_serves_what_the_project_says_by_then(world: World):
    make_flag(world.max.at("staging"), on=True)
    environments.archive(world.ada.at(), "staging")
    make_flag(world.max.at(), "later")
    make_segment(world.max.at())
    environments.unarchive(world.ada.at(), "staging")
    served = flag_queries.snapshot(world.staging)
    assert served is not None
    assert set(served.flags) == {"quote-form", "later"}
    assert set(served.segments) == {"beta"}
    with pytest.raises(InvalidInput):
        environments.unarchive(world.ada.at(), "staging")


def test_keys_of_an_archived_environment_are_refused_until_it_is_back(world: World):
    secret = world.sdk_key(environment="staging")
    environments.archive(world.ada.at(), "staging")
    with pytest.raises(credentials.BadKey, match="archived"):
        credentials.sdk_key(secret)
    environments.unarchive(world.ada.at(), "staging")
    assert credentials.sdk_key(secret).environment == world.staging


def test_the_last_environment_stays(world: World):
    access = world.ada.at()
    environments.archive(access, "development")
    environments.archive(access, "staging")
    with pytest.raises(CannotArchive, match="last"):
        environments.archive(access, "production")
    with pytest.raises(CannotArchive, match="already"):
        environments.archive(access, "staging")
    assert Environment.objects.within(world.project).filter(archived_at=None).count() == 1


def test_an_environment_stays_while_an_experiment_runs_there(world: World):
    access = world.max.at("staging")
    make_metrics(access)
    make_flag(access, "banner", on=True)
    lifecycle.create(access, "headline", a_plan(flag_key="banner"))
    lifecycle.start(access, "headline")
    with pytest.raises(CannotArchive, match="headline is running in Staging"):
        environments.archive(world.ada.at(), "staging")
    environments.archive(world.ada.at(), "development")


# --- past review and freeze

GUARDS: dict[str, tuple[dict[str, Any], str]] = {
    "reviewed": ({"approvals": 2}, "Production asks for 2 approvals."),
    "frozen": ({"approvals": 0, "frozen": True}, "Changes are frozen in Production."),
}


def leave_bypass_to_owners(world: World) -> None:
    """Admins administer, and may not go past review."""
    rights.set_least_role(world.olivia.at(), Permission.BYPASS_REVIEW, None)


def notices_of(person: Person) -> list[tuple[str, str]]:
    tail.read_all()
    return [(one.kind, one.text) for one in inbox.page(person.at()).notices]


def is_in_use(world: World) -> bool:
    return "production" in keys_of(world)


@pytest.mark.parametrize("guard", GUARDS)
def test_an_admin_without_the_right_to_bypass_archives_nothing_that_is_guarded(
    world: World, guard: str
):
    rules, sentence = GUARDS[guard]
    ask_for_review(world, **rules)
    leave_bypass_to_owners(world)
    lines = len(world.ledger())
    with pytest.raises(PastReview, match=sentence) as refused:
        environments.archive(world.ada.at(), "production", reason="I want to")
    assert refused.value.status == 403
    assert "Ask somebody who may bypass review" in refused.value.hint
    assert is_in_use(world)
    assert len(world.ledger()) == lines


@pytest.mark.parametrize("guard", GUARDS)
def test_who_may_bypass_says_why_and_is_heard(world: World, guard: str):
    rules, sentence = GUARDS[guard]
    ask_for_review(world, **rules)
    with pytest.raises(ReasonMissing, match=sentence):
        environments.archive(world.ada.at(), "production", reason="  ")
    assert is_in_use(world)
    environments.archive(world.ada.at(), "production", reason="It leaks")
    assert not is_in_use(world)
    line = world.ledger()[-1]
    assert (line.action, line.reason) == ("environment.archived", "It leaks")
    assert said(line)["bypassed"] is True
    assert line.summary == f"Now archived, past review; {sentence.rstrip('.')}"
    loud = ("bypass", "Ada archived Production, past review")
    for person in (world.rita, world.olivia):
        assert loud in notices_of(person)
    for person in (world.max, world.ada):
        assert loud not in notices_of(person)


def test_what_nobody_guards_is_archived_as_ever(world: World):
    ask_for_review(world, 2)
    leave_bypass_to_owners(world)
    environments.archive(world.ada.at("staging"), "staging")
    line = world.ledger()[-1]
    assert (line.before, line.after) == ("in use", "archived")
    assert "bypass" not in {kind for kind, _text in notices_of(world.rita)}


def test_what_was_reviewed_comes_back_unasked_but_not_during_a_freeze(world: World):
    ask_for_review(world, 2)
    environments.archive(world.olivia.at(), "production", reason="moved")
    leave_bypass_to_owners(world)
    environments.unarchive(world.ada.at(), "production")
    assert is_in_use(world)


def test_during_a_freeze_an_environment_comes_back_by_a_bypass_alone(world: World):
    ask_for_review(world, 0, frozen=True)
    environments.archive(world.olivia.at(), "production", reason="moved")
    # What all share goes on meanwhile: no freeze in the archive holds it up.
    make_flag(world.max.at("staging"), "later")
    with pytest.raises(ReasonMissing):
        environments.unarchive(world.ada.at(), "production")
    leave_bypass_to_owners(world)
    with pytest.raises(PastReview, match="frozen"):
        environments.unarchive(world.ada.at(), "production", reason="I want to")
    served = flag_queries.snapshot(world.production)
    assert served is None or "later" not in served.flags
    environments.unarchive(world.olivia.at(), "production", reason="needed again")
    assert said(world.ledger()[-1])["bypassed"] is True
    assert ("bypass", "Olivia brought Production back, past review") in notices_of(world.ada)


def test_a_service_token_never_archives_past_review(world: World):
    ask_for_review(world, 1)
    with pytest.raises(PastReview):
        environments.archive(of_script(world), "production", reason="deployed")


def of_script(world: World) -> Access:
    """An admin's service token at production."""
    made = credentials.create_service_token(world.ada.at(), "deploy", "admin")
    return tickets.of_service(made.token, "shop", "production")
