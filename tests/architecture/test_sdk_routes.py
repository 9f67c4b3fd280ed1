"""Routes outside Django stand in the access table too: an SDK key enters, no cookie does."""

from typing import Any

import httpx
import websockets
from websockets.sync.client import connect

from flags.delivery import contexts
from flags.delivery import http as delivery
from flags.delivery.routing import WEBSOCKETS
from metrics.ingest import http as ingest
from tests.architecture.access_table import SDK_ROUTES
from tests.servers.live import LiveServer
from tests.world.cast import make_world
from tests.world.factories import make_flag


def test_every_sdk_route_stands_in_the_table() -> None:
    routes = {**delivery.ROUTES, **contexts.ROUTES, **ingest.ROUTES}
    found = {path: method for method, path in routes}
    sockets = {f"/{pattern.pattern}": "SOCKET" for pattern in WEBSOCKETS}
    assert {path: row[0] for path, row in SDK_ROUTES.items()} == {**found, **sockets}


def test_sdk_routes_ask_for_a_key_and_for_nothing_else(live: LiveServer) -> None:
    world = make_world()
    make_flag(world.max.at(), client_side=True)
    keys = {
        "nobody": "",
        "wrong": "srv_production_" + "x" * 40,
        "token": world.olivia.token(),
        "server": world.sdk_key("server"),
        "client": world.sdk_key("client"),
    }
    session = world.olivia.client.cookies.output(header="", sep=";").strip()
    for path, (method, kinds, answer) in SDK_ROUTES.items():
        for kind, key in keys.items():
            status = knock(live, path, method, key, session)
            if kind in kinds or "nobody" in kinds:
                assert status == answer, (path, kind)
            else:
                assert status == (403 if kind == "client" else 401), (path, kind)


def knock(live: LiveServer, path: str, method: str, key: str, session: str) -> int:
    """The status of an SDK's request; a socket's closing code is told as a status too."""
    headers = {"Cookie": session.split(";", maxsplit=1)[0]}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if method == "SOCKET":
        return _socket(f"{live.websocket_url}{path}", headers)
    bodies: dict[str, dict[str, Any]] = {"events": {"events": []}, "contexts": {"contexts": []}}
    body = bodies.get(path.rpartition("/")[2], {"context": {"userId": "u-1"}})
    content = body if method == "POST" else None
    return httpx.request(method, live + path, json=content, headers=headers).status_code


def _socket(address: str, headers: dict[str, str]) -> int:
    with connect(address, additional_headers=headers) as socket:
        try:
            socket.recv(timeout=5)
        except websockets.ConnectionClosed as closed:
            return {4401: 401, 4403: 403}[closed.rcvd.code if closed.rcvd else 0]
        return 101
