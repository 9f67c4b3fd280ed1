"""The `live` fixture is the whole product: HTTP, WebSockets, the test's own database."""

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.servers.live import LiveServer


def test_the_running_application_says_it_is_well(live: LiveServer) -> None:
    answer = httpx.get(live + "/healthz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_a_socket_with_a_bad_key_is_closed_with_the_code_for_it(live: LiveServer) -> None:
    address = live.websocket_url + "/api/v1/sdk/stream"
    with (
        connect(address, additional_headers={"Authorization": "Bearer srv_nonsense"}) as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_a_stranger_is_led_to_the_sign_in_page(live: LiveServer) -> None:
    with httpx.Client(base_url=live.url, follow_redirects=True) as client:
        page = client.get("/")
    assert page.status_code == 200
    assert 'type="password"' in page.text
