"""Event intake: the good are kept, the bad are listed by index, nothing counts twice."""

import time
import uuid
from collections.abc import Sequence

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from metrics.ingest import buffer
from metrics.ingest.schema import read_batch
from metrics.models import EvaluationCount, Event, Exposure
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world


def now() -> int:
    return int(time.time() * 1000)


def tracked(**fields: object) -> dict[str, object]:
    return {
        "kind": "track",
        "id": str(uuid.uuid4()),
        "at": now(),
        "event": "purchase",
        "units": {"user": "u-1", "organization": "acme"},
        "value": 12.5,
        "properties": {"currency": "EUR"},
        **fields,
    }


def exposed(**fields: object) -> dict[str, object]:
    return {
        "kind": "exposure",
        "id": str(uuid.uuid4()),
        "at": now(),
        "experiment": "quote",
        "variation": "guided",
        "unitType": "user",
        "unitId": "u-1",
        "flag": "quote-form",
        "version": 3,
        **fields,
    }


def counted(**fields: object) -> dict[str, object]:
    return {
        "kind": "evaluations",
        "id": str(uuid.uuid4()),
        "at": now(),
        "flag": "quote-form",
        "variation": "guided",
        "version": 3,
        "count": 41,
        **fields,
    }


def send(live: LiveServer, key: str, events: Sequence[object]) -> httpx.Response:
    answer = httpx.post(
        live + "/api/v1/sdk/events",
        json={"sdk": {"name": "test"}, "events": list(events)},
        headers={"Authorization": f"Bearer {key}"},
    )
    if settings.REDIS_URL:
        buffer.drain()
    return answer


def test_good_events_are_kept_and_bad_ones_listed_by_index(live: LiveServer):
    world = make_world()
    batch = [tracked(), {"kind": "dance"}, exposed(), tracked(at="yesterday"), counted(), 7]
    answer = send(live, world.sdk_key(), batch)
    assert answer.status_code == 202
    told = answer.json()
    assert told["accepted"] == 3
    assert [(one["index"], one["code"]) for one in told["rejected"]] == [
        (1, "unknown_kind"),
        (3, "bad_time"),
        (5, "not_an_object"),
    ]
    rows = Event.objects.within(world.production)
    assert {(row.unit_type, row.unit_id, row.value) for row in rows} == {
        ("user", "u-1", 12.5),
        ("organization", "acme", 12.5),
    }
    assert Exposure.objects.within(world.production).get().variation == "guided"
    assert EvaluationCount.objects.within(world.production).get().count == 41


def test_sending_a_batch_twice_counts_once(live: LiveServer):
    world = make_world()
    batch = [tracked(), exposed(), counted()]
    key = world.sdk_key()
    for _ in range(2):
        assert send(live, key, batch).json()["accepted"] == 3
    assert Event.objects.within(world.production).count() == 2
    assert Exposure.objects.within(world.production).count() == 1
    assert EvaluationCount.objects.within(world.production).count() == 1


def test_the_same_id_in_two_environments_is_two_events(live: LiveServer):
    world = make_world()
    event = tracked()
    send(live, world.sdk_key(), [event])
    send(live, world.sdk_key(environment="staging"), [event])
    assert Event.objects.within(world.project).count() == 4


def test_events_need_a_good_key_and_a_list(live: LiveServer):
    world = make_world()
    assert send(live, "srv_production_x", [tracked()]).status_code == 401
    answer = httpx.post(
        live + "/api/v1/sdk/events",
        json={"events": "many"},
        headers={"Authorization": f"Bearer {world.sdk_key()}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")
    too_many = send(live, world.sdk_key(), [tracked()] * 1001)
    assert too_many.status_code == 400


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (tracked(id="one"), "bad_id"),
        (tracked(at=True), "bad_time"),
        (tracked(at=10**30), "bad_time"),
        (tracked(at=now() + 3_600_000), "in_the_future"),
        (tracked(at=now() - 100 * 86_400_000), "too_old"),
        (tracked(value="12"), "bad_value"),
        (tracked(value=10**400), "bad_value"),
        (tracked(event=""), "bad_field"),
        (tracked(event="x" * 101), "bad_field"),
        (tracked(event="a\x00b"), "bad_field"),
        (tracked(event="\ud800"), "bad_field"),
        (tracked(units={}), "no_unit"),
        (tracked(units={"user": ""}), "bad_field"),
        (tracked(properties={"deep": {"er": 1}}), "bad_field"),
        (exposed(version=-1), "bad_field"),
        (exposed(unitId=None), "bad_field"),
        (counted(count=1.5), "bad_field"),
    ],
)
def test_each_fault_has_its_code_and_a_sentence(item: object, code: str):
    batch = read_batch([item], timezone.now())
    assert batch.accepted == 0
    assert batch.rejected[0]["code"] == code
    assert batch.rejected[0]["detail"]


@pytest.mark.django_db
def test_writing_a_batch_again_changes_nothing(world: World):
    batch = read_batch([tracked(), exposed()], timezone.now())
    for _ in range(2):
        buffer.write(world.production.pk, batch)
    row: Exposure = Exposure.objects.within(world.production).get()
    assert row.at == batch.exposures[0].at
    assert row.event_id == batch.exposures[0].event_id
    assert Event.objects.within(world.production).filter(properties__currency="EUR").count() == 2
