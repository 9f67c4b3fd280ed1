"""Environments: made, named, colored, ordered, archived; plum is production's alone."""

import pytest

from accounts import queries
from accounts.actions import credentials, environments
from accounts.actions.environments import CannotArchive
from accounts.errors import AlreadyExists, InvalidInput, NotFound, NotPermitted
from accounts.models import Environment
from experiments import lifecycle
from flags import changes
from flags import queries as flag_queries
from flags.drafting import EnvironmentArchived
from flags.edits import AddVariation, TurnOn
from tests.experiments.factories import a_plan, make_metrics
from tests.world.cast import World, make_world
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
