"""The plain ASGI endpoint for sampled contexts: few, bounded, and no loss when they are refused."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final
from uuid import UUID

import orjson
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from accounts.access import environment_by_id
from accounts.errors import DomainError
from flags import contexts
from flags.contexts import MOST_AT_ONCE, Kept
from flags.delivery.http import (
    JSON,
    Endpoint,
    MalformedBody,
    Receive,
    Scope,
    Send,
    WrongKeyKind,
    counted,
    read_json,
    respond,
)

BODY_LIMIT: Final = 256_000
# Writes of one process for one environment; what comes beyond is thanked for and dropped.
MOST_PER_SECOND: Final = 100
# One writer, as for events: SQLite has one anyway.
_WRITER: Final = ThreadPoolExecutor(1, thread_name_prefix="contexts")
_spent: Final[dict[UUID, tuple[int, int]]] = {}


class CannotKeep(DomainError):
    """Samples cannot be kept just now."""

    code = "cannot_store"
    status = 503
    hint = "Drop them: newer ones will come."


async def take(scope: Scope, receive: Receive, send: Send) -> None:
    """Keep a few recent contexts, on which changes are tried before they are applied."""
    credential = await counted(scope)
    if not credential.is_server:
        # Anybody can read a client key, and what anybody may send shows nothing.
        raise WrongKeyKind(
            "A client key may not send contexts.", hint="Send them with a server key (srv_…)."
        )
    body = await read_json(scope, receive, BODY_LIMIT)
    items = body.get("contexts")
    if not isinstance(items, list) or len(items) > MOST_AT_ONCE:
        raise MalformedBody(f"'contexts' must be a list of at most {MOST_AT_ONCE}.")
    room = _room(credential.environment_id, len(items))
    kept = await _keep(credential.environment_id, items[:room])
    answer = {
        "accepted": kept.accepted,
        "rejected": kept.rejected,
        "skipped": len(items) - room,
        "enabled": kept.enabled,
    }
    await respond(send, 202, [JSON], orjson.dumps(answer))


def _room(environment_id: UUID, wanted: int) -> int:
    """How many of these may be written in this second."""
    second = int(monotonic())
    since, spent = _spent.get(environment_id, (second, 0))
    if since != second:
        spent = 0
    room = min(wanted, MOST_PER_SECOND - spent)
    _spent[environment_id] = (second, spent + room)
    return room


async def _keep(environment_id: UUID, items: list[object]) -> Kept:
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_WRITER, _write, environment_id, items)
    except DatabaseError as error:
        raise CannotKeep("The contexts could not be kept.") from error


def _write(environment_id: UUID, items: list[object]) -> Kept:
    close_old_connections()
    try:
        return contexts.keep(environment_by_id(environment_id), items, timezone.now())
    finally:
        close_old_connections()


ROUTES: Final[Mapping[tuple[str, str], Endpoint]] = {("POST", "/api/v1/sdk/contexts"): take}
