"""Sampled contexts: kept in bounded places, without ids, for a week, each environment's alone."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from flags import contexts
from flags.contexts import Kept, Sealer
from flags.models import ContextSample
from flags.tasks import forget_contexts
from tests.world.cast import World, make_world
from wayfork.samples import unit_hash

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def a_sample(user: str = "u-1", **fields: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "at": int(timezone.now().timestamp() * 1000),
        "units": {"userId": unit_hash("shop", "production", user)},
        "attributes": {"country": "DE"},
        **fields,
    }


def keep(world: World, *items: object, now: datetime | None = None) -> Kept:
    return contexts.keep(world.production, items, now or timezone.now())


def recent(world: World) -> list[Any]:
    return contexts.recent(world.production, timezone.now())


def test_a_sample_is_kept_with_its_attributes_and_a_sealed_hash(world: World):
    assert keep(world, a_sample()).accepted == 1
    [context] = recent(world)
    assert context == {"country": "DE", "userId": Sealer(world.production).seal("u-1")}


def test_no_id_and_no_hash_an_sdk_sent_is_anywhere_in_the_table(world: World):
    keep(world, *(a_sample(f"customer-{number}") for number in range(50)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM flags_contextsample")
        stored = json.dumps(cursor.fetchall(), default=str)
    assert "customer-" not in stored
    assert unit_hash("shop", "production", "customer-1") not in stored


def test_an_id_sent_as_it_is_is_refused_by_its_index_and_the_others_are_kept(world: World):
    kept = keep(
        world,
        a_sample(),
        a_sample(units={"userId": "anna@solar.example"}),
        a_sample(attributes={"userId": "anna@solar.example"}),
        a_sample(units={"country": "0" * 32}),
        a_sample("u-2"),
    )
    assert kept.accepted == 2
    assert [one["index"] for one in kept.rejected] == [1, 2, 3]
    assert [one["code"] for one in kept.rejected] == ["not_a_hash", "not_a_hash", "bad_field"]
    assert "anna" not in json.dumps(recent(world))


@pytest.mark.parametrize(
    "bad",
    [
        "text",
        {"id": ""},
        {"id": 7},
        {"at": "now"},
        {"at": True},
        {"at": 10**30},
        {"units": []},
        {"attributes": []},
        {"attributes": {"a": {"nested": 1}}},
        {"attributes": {"a": None}},
        {"attributes": {"a": "x\0"}},
        {"attributes": {"a": "\ud800"}},
        {"attributes": {"\ud800": "x"}},
        {"attributes": {"a": "x" * 1001}},
        {"attributes": {"a": float("nan")}},
        {"attributes": {"a": 2**70}},
        {"attributes": {"a": list(range(51))}},
        {"attributes": {str(number): 1 for number in range(101)}},
    ],
)
def test_what_makes_no_sense_is_refused(world: World, bad: Any):
    item = a_sample(**bad) if isinstance(bad, dict) else bad
    kept = keep(world, item, a_sample())
    assert (kept.accepted, [one["index"] for one in kept.rejected]) == (1, [0])


def test_the_same_sample_sent_twice_counts_once(world: World):
    samples = [a_sample(f"u-{number}") for number in range(20)]
    keep(world, *samples)
    keep(world, *samples)
    keep(world, samples[0], samples[0])
    assert len(recent(world)) == len({contexts._slot(sample["id"]) for sample in samples})


def test_the_table_never_grows_beyond_its_slots(world: World, settings: Any):
    settings.CONTEXT_SLOTS = 10
    for _ in range(10):
        keep(world, *(a_sample(f"u-{number}") for number in range(30)))
    assert len(recent(world)) == 10


def test_after_a_week_a_sample_is_neither_used_nor_there(world: World):
    now = timezone.now()
    keep(world, a_sample())
    assert len(contexts.recent(world.production, now + timedelta(days=6))) == 1
    assert contexts.recent(world.production, now + timedelta(days=7, minutes=1)) == []
    ContextSample.across_tenants.update(seen_at=now - timedelta(days=7, minutes=1))
    forget_contexts()
    assert ContextSample.across_tenants.count() == 0


def test_times_of_wrong_clocks_are_refused_or_taken_for_now(world: World):
    now = timezone.now()
    old, ahead, little = (
        int((now + off).timestamp() * 1000)
        for off in (-timedelta(days=8), timedelta(minutes=20), timedelta(minutes=5))
    )
    kept = keep(world, a_sample(at=old), a_sample(at=ahead), a_sample(at=little), now=now)
    assert [one["code"] for one in kept.rejected] == ["bad_time", "bad_time"]
    assert ContextSample.across_tenants.get().seen_at == now


def test_an_environment_that_keeps_none_keeps_none(world: World, settings: Any):
    keep(world, a_sample())
    world.production.keeps_contexts = False
    world.production.save()
    kept = keep(world, a_sample())
    assert (kept.enabled, kept.accepted) == (False, 0)
    forget_contexts()
    assert ContextSample.across_tenants.count() == 0
    world.production.keeps_contexts = True
    settings.CONTEXT_SLOTS = 0
    assert keep(world, a_sample()).enabled is False


def test_another_environment_sees_nothing_of_it_and_hashes_otherwise(world: World):
    keep(world, a_sample())
    assert contexts.recent(world.staging, timezone.now()) == []
    assert Sealer(world.staging).seal("u-1") != Sealer(world.production).seal("u-1")


def test_the_hash_hangs_on_the_secret_of_the_installation(world: World, settings: Any):
    before = Sealer(world.production).seal("u-1")
    settings.SECRET_KEY = "another-secret"
    assert Sealer(world.production).seal("u-1") != before
