"""Small words to open pages that something changed: hints to look again, never the truth."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

log = logging.getLogger(__name__)

_page_loop: asyncio.AbstractEventLoop | None = None


def listen_on(loop: asyncio.AbstractEventLoop) -> None:
    """Name the loop this process's page sockets live on: the in-memory layer lives there too."""
    global _page_loop  # noqa: PLW0603 - one loop per process, by design
    _page_loop = loop


def group_of_person(user_id: UUID) -> str:
    """Who hears what concerns one person."""
    return f"page.person.{user_id.hex}"


def group_of_project(project_id: UUID) -> str:
    """Who hears what happens in a project."""
    return f"page.project.{project_id.hex}"


def tell_people(user_ids: Iterable[UUID], topic: str) -> None:
    """Hint to every page these people have open."""
    for user_id in dict.fromkeys(user_ids):
        _tell(group_of_person(user_id), [topic])


def tell_project(project_id: UUID, topics: Iterable[str]) -> None:
    """Hint to every page of a project."""
    wanted = list(dict.fromkeys(topics))[:50]
    if wanted:
        _tell(group_of_project(project_id), wanted)


def _tell(group: str, topics: list[str]) -> None:
    try:
        _send(group, {"type": "hint", "topics": topics})
    except Exception:
        log.exception("open pages could not be told; they show it when they are loaded again")


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if isinstance(layer, InMemoryChannelLayer):
        if _page_loop is not None and _page_loop.is_running():
            asyncio.run_coroutine_threadsafe(layer.group_send(group, message), _page_loop)
        return
    async_to_sync(layer.group_send)(group, message)
