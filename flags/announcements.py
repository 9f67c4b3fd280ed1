"""Telling every delivery process that a version exists: a hint to look, never the truth."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

log = logging.getLogger(__name__)

GROUP = "wayfork.announcements"

_web_loop: asyncio.AbstractEventLoop | None = None


def listen_on(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop whose hub listens in this process.

    The in-memory layer lives on that loop: a message sent through another loop (Celery's thread
    has one) arrives up to a second late, so messages are handed over to it.
    """
    global _web_loop  # noqa: PLW0603 - one hub per process, by design
    _web_loop = loop


def announce(environment_id: UUID, epoch: int, version: int, keys: Sequence[str]) -> None:
    """Say that an environment's snapshot has a new version.

    The change stands even if nobody can be told: listeners also check versions.
    """
    message = {
        "type": "snapshot.published",
        "environment": str(environment_id),
        "epoch": epoch,
        "version": version,
        "keys": list(keys)[:200],
    }
    try:
        _send(message)
    except Exception:
        log.exception(
            "version %s could not be announced; it is found by the version check", version
        )


def _send(message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if isinstance(layer, InMemoryChannelLayer):
        if _web_loop is not None and _web_loop.is_running():
            asyncio.run_coroutine_threadsafe(layer.group_send(GROUP, message), _web_loop)
        return
    async_to_sync(layer.group_send)(GROUP, message)
