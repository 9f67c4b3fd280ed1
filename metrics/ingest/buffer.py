"""From accepted batches to rows: a Redis stream in production, straight to the table without it.

The unique keys on event ids make writing twice harmless, so a drain that dies is simply rerun.
"""

import contextlib
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
import redis
from django.conf import settings
from django.db import DataError, IntegrityError, connection, models, transaction
from django.utils import timezone

from metrics.ingest.schema import Batch, read_batch
from metrics.models import EvaluationCount, Event, Exposure

log = logging.getLogger(__name__)

STREAM: Final = "wayfork:events"
GROUP: Final = "drain"
# How many batches of each environment wait in the stream.
WAITING: Final = "wayfork:events:waiting"
# What no drain can write, kept for people to look at; the oldest give way.
REFUSED: Final = "wayfork:events:refused"
MOST_REFUSED: Final = 1_000
# An accepted batch has at most a megabyte: beyond this Redis itself would be in danger.
MOST_WAITING: Final = 100_000
# Without Redis they wait in memory, each with its connection open.
MOST_WAITING_HERE: Final = 500
AT_ONCE: Final = 200
BATCH_ROWS: Final = 500


def write(environment_id: UUID, batch: Batch) -> None:
    """Put the rows into their tables; those already there are left alone."""
    now = timezone.now()
    with transaction.atomic():
        _insert(
            Exposure,
            ("experiment", "variation", "unit_type", "unit_id", "at", "flag", "version"),
            batch.exposures,
            environment_id,
            {"attributes": "attributes", "now": now},
        )
        _insert(
            Event,
            ("name", "unit_type", "unit_id", "at", "value"),
            batch.events,
            environment_id,
            {"attributes": "properties", "now": now},
        )
        _insert(
            EvaluationCount,
            ("flag", "variation", "version", "minute", "count"),
            batch.counts,
            environment_id,
            {},
        )


def _insert(
    table: type[models.Model],
    names: Sequence[str],
    rows: Iterable[Any],
    environment_id: UUID,
    extra: dict[str, Any],
) -> None:
    """One path per engine: COPY and one INSERT on PostgreSQL, batches of INSERT elsewhere."""
    document = extra.get("attributes")
    columns = ["environment_id", "event_id", *names]
    values = [
        [environment_id, row.event_id, *(getattr(row, name) for name in names)] for row in rows
    ]
    if not values:
        return
    if document:
        columns += [document, "received_at"]
        for line, row in zip(values, rows, strict=True):
            line += [orjson.dumps(getattr(row, document)).decode(), extra["now"]]
    if connection.vendor == "postgresql":
        _copy(table._meta.db_table, columns, values)
    else:
        _insert_or_ignore(table._meta.db_table, columns, values)


def _copy(table: str, columns: list[str], values: list[list[Any]]) -> None:
    """COPY into a temporary table, then insert what is new (measured 3 times bulk_create)."""
    quoted = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'CREATE TEMP TABLE IF NOT EXISTS "new_{table}"'
            f' (LIKE "{table}" INCLUDING DEFAULTS EXCLUDING IDENTITY) ON COMMIT DELETE ROWS'
        )
        cursor.execute(f'ALTER TABLE "new_{table}" ALTER COLUMN id DROP NOT NULL')
        with cursor.copy(f'COPY "new_{table}" ({quoted}) FROM STDIN') as copy:
            for line in values:
                copy.write_row(line)
        cursor.execute(
            f'INSERT INTO "{table}" ({quoted}) SELECT {quoted} FROM "new_{table}"'  # noqa: S608
            " ON CONFLICT DO NOTHING"
        )


def _insert_or_ignore(table: str, columns: list[str], values: list[list[Any]]) -> None:
    quoted = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join(["%s"] * len(columns))
    statement = f'INSERT OR IGNORE INTO "{table}" ({quoted}) VALUES ({marks})'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(statement, [[_for_sqlite(value) for value in line] for line in values])


def _for_sqlite(value: Any) -> Any:
    """As Django's own adapters store these types."""
    if isinstance(value, UUID):
        return value.hex
    if hasattr(value, "isoformat"):
        return (
            value.astimezone(timezone.get_default_timezone())
            .replace(tzinfo=None)
            .isoformat(sep=" ")
        )
    return value


def share(whole: int) -> int:
    """How many of the waiting batches may be of one environment: its keys may be public."""
    return max(1, whole * settings.EVENT_SHARE_PERCENT // 100)


# --- with Redis: accept in one step, drain in batches

# One round trip, and nobody comes in between. An empty stream mends counts that went wrong.
ACCEPT: Final = """
local waiting = redis.call('XLEN', KEYS[1])
if waiting == 0 then redis.call('DEL', KEYS[2]) end
if waiting >= tonumber(ARGV[2]) then return 'full' end
local own = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
if own >= tonumber(ARGV[3]) then return 'share' end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 4))
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
return 'taken'
"""
# Two drains may have had the same entry: only the one that removes it counts it out.
FINISH: Final = """
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 and ARGV[3] ~= '' then
  if redis.call('HINCRBY', KEYS[2], ARGV[3], -1) < 1 then redis.call('HDEL', KEYS[2], ARGV[3]) end
end
"""


def acceptance(
    environment_id: UUID, items: Sequence[object], accepted: datetime
) -> tuple[list[str], list[Any]]:
    """The keys and the arguments of ACCEPT."""
    fields = entry(environment_id, items, accepted).items()
    bounds = [MOST_WAITING, share(MOST_WAITING)]
    flat = [part for field in fields for part in field]
    return [STREAM, WAITING], [str(environment_id), *bounds, *flat]


def entry(environment_id: UUID, items: Sequence[object], accepted: datetime) -> dict[Any, Any]:
    """What the stream keeps of an accepted batch."""
    return {
        "environment": str(environment_id),
        "accepted": accepted.timestamp(),
        "events": orjson.dumps(list(items)),
    }


def client() -> redis.Redis:
    """A connection for the drain."""
    return redis.Redis.from_url(settings.REDIS_URL)


def drain(most: int = 50) -> int:
    """Copy waiting batches into the tables; returns how many entries were done.

    An entry is acknowledged after its rows are committed: a worker that dies leaves it pending,
    and the next drain takes it over. One that can never be written is set aside, so that it does
    not stand in the way of those behind it; a database that is away ends the drain.
    """
    with client() as stream:
        with contextlib.suppress(redis.ResponseError):
            stream.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        finish = stream.register_script(FINISH)
        done = 0
        for _ in range(most):
            entries = _waiting(stream)
            if not entries:
                break
            for entry_id, fields in entries:
                _write_or_set_aside(stream, entry_id, fields)
                whose = fields.get(b"environment", b"")
                finish(keys=[STREAM, WAITING], args=[GROUP, entry_id, whose])
                done += 1
    return done


def _waiting(stream: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    taken = stream.xautoclaim(STREAM, GROUP, "drain", min_idle_time=60_000, count=AT_ONCE)
    if taken[1]:
        return list(taken[1])
    answer = stream.xreadgroup(GROUP, "drain", {STREAM: ">"}, count=AT_ONCE)
    return list(answer[0][1]) if answer else []


def _write_or_set_aside(stream: Any, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
    try:
        _write_entry(fields)
    except (DataError, IntegrityError, KeyError, ValueError) as error:
        log.exception("events of entry %s cannot be written and are set aside", entry_id)
        kept = {**fields, b"problem": str(error)[:500].encode("utf-8", "replace")}
        stream.xadd(REFUSED, kept, maxlen=MOST_REFUSED)


def _write_entry(fields: dict[bytes, bytes]) -> None:
    # Read as of the moment it was accepted: waiting makes no event too old.
    accepted = datetime.fromtimestamp(float(fields[b"accepted"]), UTC)
    batch = read_batch(orjson.loads(fields[b"events"]), accepted)
    if not batch.is_empty:
        write(UUID(fields[b"environment"].decode()), batch)
