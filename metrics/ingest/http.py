"""The plain ASGI endpoint for events: 202 with the bad ones listed, the good ones kept."""

import asyncio
import weakref
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import orjson
import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from accounts.errors import DomainError
from accounts.limits import TooOften
from flags.delivery.http import (
    JSON,
    Endpoint,
    MalformedBody,
    Receive,
    Scope,
    Send,
    counted,
    read_json,
    respond,
)
from metrics.ingest import buffer
from metrics.ingest.schema import MOST_EVENTS, Batch, read_batch

# One writer: SQLite has one anyway, and batches that wait are written in the order they came.
_WRITER: Final = ThreadPoolExecutor(1, thread_name_prefix="events")
# The script that takes a batch into the stream, on a connection of each event loop.
_ACCEPT: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any]] = (
    weakref.WeakKeyDictionary()
)
# Batches that wait for the writer, by environment.
_waiting: Final[Counter[UUID]] = Counter()
# When an environment that used up its share may send again.
SHARE_SECONDS: Final = 10


class CannotStore(DomainError):
    """Events cannot be kept just now; nothing of the batch was acknowledged."""

    code = "cannot_store"
    status = 503
    hint = "Send the same batch again in a few seconds; its ids make that harmless."


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a batch of exposures, tracked events and evaluation counts."""
    credential = await counted(scope)
    body = await read_json(scope, receive, settings.EVENT_BODY_LIMIT_BYTES)
    items = body.get("events")
    if not isinstance(items, list) or len(items) > MOST_EVENTS:
        raise MalformedBody(f"'events' must be a list of at most {MOST_EVENTS} events.")
    batch = read_batch(items, timezone.now())
    if not batch.is_empty:
        await _keep(credential.environment_id, items, batch)
    answer = {"accepted": batch.accepted, "duplicates": None, "rejected": batch.rejected}
    await respond(send, 202, [JSON], orjson.dumps(answer))


async def _keep(environment_id: UUID, items: list[object], batch: Batch) -> None:
    try:
        if settings.REDIS_URL:
            await _add(environment_id, items, batch)
        else:
            await _write_in_turn(environment_id, batch)
    except (DatabaseError, redis.RedisError, OSError) as error:
        raise CannotStore("The events could not be stored.") from error


async def _write_in_turn(environment_id: UUID, batch: Batch) -> None:
    if _waiting.total() >= buffer.MOST_WAITING_HERE:
        raise CannotStore("Too many events wait to be stored.")
    if _waiting[environment_id] >= buffer.share(buffer.MOST_WAITING_HERE):
        raise _share_used_up()
    _waiting[environment_id] += 1
    loop = asyncio.get_running_loop()
    writing = loop.run_in_executor(_WRITER, _write, environment_id, batch)
    writing.add_done_callback(lambda _done: _forget(environment_id))
    # Whoever hangs up meanwhile leaves the batch behind: it is counted until it is written.
    await asyncio.shield(writing)


def _forget(environment_id: UUID) -> None:
    _waiting[environment_id] -= 1
    if not _waiting[environment_id]:
        del _waiting[environment_id]


async def _add(environment_id: UUID, items: list[object], batch: Batch) -> None:
    refused = {entry["index"] for entry in batch.rejected}
    good = [item for index, item in enumerate(items) if index not in refused]
    keys, arguments = buffer.acceptance(environment_id, good, timezone.now())
    answer = await _accept()(keys=keys, args=arguments)
    if answer == b"full":
        raise CannotStore("Too many events wait to be stored.")
    if answer == b"share":
        raise _share_used_up()


def _share_used_up() -> TooOften:
    return TooOften("Too many events of this environment wait to be stored.", wait=SHARE_SECONDS)


def _accept() -> Any:
    loop = asyncio.get_running_loop()
    if loop not in _ACCEPT:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        _ACCEPT[loop] = client.register_script(buffer.ACCEPT)
    return _ACCEPT[loop]


def _write(environment_id: UUID, batch: Batch) -> None:
    close_old_connections()
    try:
        buffer.write(environment_id, batch)
    finally:
        close_old_connections()


ROUTES: Final[Mapping[tuple[str, str], Endpoint]] = {("POST", "/api/v1/sdk/events"): events}
