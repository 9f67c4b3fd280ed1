"""The plain ASGI endpoint for events: 202 with the bad ones listed, the good ones kept."""

import asyncio
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import orjson
import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from accounts.errors import DomainError
from flags.delivery.http import (
    JSON,
    Endpoint,
    MalformedBody,
    Receive,
    Scope,
    Send,
    authorized,
    read_json,
    respond,
)
from metrics.ingest import buffer
from metrics.ingest.schema import MOST_EVENTS, Batch, read_batch

# One writer: SQLite has one anyway, and batches that wait are written in the order they came.
_WRITER: Final = ThreadPoolExecutor(1, thread_name_prefix="events")
_REDIS: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, "redis.asyncio.Redis"]] = (
    weakref.WeakKeyDictionary()
)


class CannotStore(DomainError):
    """Events cannot be kept just now; nothing of the batch was acknowledged."""

    code = "cannot_store"
    status = 503
    hint = "Send the same batch again in a few seconds; its ids make that harmless."


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a batch of exposures, tracked events and evaluation counts."""
    _hub, credential, _headers = await authorized(scope)
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
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(_WRITER, _write, environment_id, batch)
    except (DatabaseError, redis.RedisError, OSError) as error:
        raise CannotStore("The events could not be stored.") from error


async def _add(environment_id: UUID, items: list[object], batch: Batch) -> None:
    refused = {entry["index"] for entry in batch.rejected}
    good = [item for index, item in enumerate(items) if index not in refused]
    stream = _client()
    if await stream.xlen(buffer.STREAM) >= buffer.MOST_WAITING:
        raise CannotStore("Too many events wait to be stored.")
    await stream.xadd(buffer.STREAM, buffer.entry(environment_id, good, timezone.now()))


def _client() -> "redis.asyncio.Redis":
    loop = asyncio.get_running_loop()
    if loop not in _REDIS:
        _REDIS[loop] = redis.asyncio.Redis.from_url(settings.REDIS_URL)
    return _REDIS[loop]


def _write(environment_id: UUID, batch: Batch) -> None:
    close_old_connections()
    try:
        buffer.write(environment_id, batch)
    finally:
        close_old_connections()


ROUTES: Final[Mapping[tuple[str, str], Endpoint]] = {("POST", "/api/v1/sdk/events"): events}
