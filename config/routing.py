"""Which application answers what: SDK endpoints, WebSockets, pages."""

from collections.abc import Sequence
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path

from flags.delivery import contexts
from flags.delivery import http as delivery
from flags.delivery.http import Receive, Scope, Send, front
from flags.delivery.routing import WEBSOCKETS
from metrics.ingest import http as ingest


def assemble(behind: Any, pages: Sequence[Any] = ()) -> Any:
    """SDK endpoints as plain ASGI callables in front of `behind`, and the WebSockets.

    The SDK's socket has no Origin check and reads no cookie: it shows a key. The sockets of
    `pages` are the other way round.
    """
    routes = {**delivery.ROUTES, **contexts.ROUTES, **ingest.ROUTES}
    # Django's declaration knows views only; Channels takes applications.
    unknown = re_path("", no_such_socket)  # type: ignore[arg-type]
    sockets = URLRouter([*WEBSOCKETS, *pages, unknown])
    return ProtocolTypeRouter({"http": front(routes, behind), "websocket": sockets})


async def no_such_socket(
    scope: Scope,  # noqa: ARG001 - ASGI calls it so
    receive: Receive,  # noqa: ARG001 - likewise
    send: Send,
) -> None:
    """Refuses the handshake: without it, an unknown address would be an error of ours."""
    await send({"type": "websocket.close", "code": 4404})
