"""The SDK for Python servers: flags evaluated in this process, kept current in the background."""

from importlib import import_module
from typing import TYPE_CHECKING

from wayfork.client.changes import Change
from wayfork.client.client import Client
from wayfork.client.details import Details, ExperimentDetail, Status
from wayfork.client.errors import (
    ClientFault,
    EventsRejected,
    KeyRefused,
    ListenerFailed,
    SnapshotRejected,
    Unavailable,
    Unreachable,
)
from wayfork.client.options import Options

if TYPE_CHECKING:
    from wayfork.client.async_client import AsyncClient as AsyncClient

__all__ = [
    "AsyncClient",
    "Change",
    "Client",
    "ClientFault",
    "Details",
    "EventsRejected",
    "ExperimentDetail",
    "KeyRefused",
    "ListenerFailed",
    "Options",
    "SnapshotRejected",
    "Status",
    "Unavailable",
    "Unreachable",
]


def __getattr__(name: str) -> object:
    """Load asyncio, which is large, only for those who use it."""
    if name != "AsyncClient":
        raise AttributeError(f"module 'wayfork.client' has no attribute {name!r}")
    found: object = import_module("wayfork.client.async_client").AsyncClient
    globals()[name] = found
    return found
