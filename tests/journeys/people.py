"""People at a running application over HTTP, and applications that hold the real SDK client."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.servers.live import LiveServer
from tests.world.cast import PASSWORD, Person, World
from wayfork import Client

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass
class Browser:
    """Somebody who signed in with a password: pages over HTTP, with cookies and CSRF tokens."""

    http: httpx.Client
    world: World

    @classmethod
    @contextmanager
    def of(cls, live: LiveServer, world: World, person: Person) -> Iterator["Browser"]:
        """Sign in, as people do."""
        with httpx.Client(base_url=live.url, follow_redirects=False, timeout=20) as http:
            found = TOKEN.search(http.get("/accounts/login/").text)
            assert found is not None
            form = {
                "login": person.user.email,
                "password": PASSWORD,
                "csrfmiddlewaretoken": found.group(1),
            }
            assert http.post("/accounts/login/", data=form).status_code == 302
            yield cls(http, world)

    def post(self, path: str, environment: str = "production", **form: Any) -> httpx.Response:
        """Send a form of a page in the world's project; the token comes from the flags list."""
        found = TOKEN.search(self.http.get(self.world.url("flags/", environment)).text)
        token = found.group(1) if found else self.http.cookies["wayfork_csrf"]
        data = {**form, "csrfmiddlewaretoken": token}
        return self.http.post(self.world.url(path, environment), data=data)


def rest(
    live: LiveServer, person: Person, method: str, path: str, body: Any, version: int | None = None
) -> httpx.Response:
    """One call of the REST API with a fresh token; the path starts below the project."""
    headers = {"Authorization": f"Bearer {person.token()}"}
    if version is not None:
        headers["If-Match"] = f'"{version}"'
    url = f"{live.url}/api/v1/organizations/solar/projects/shop/{path}"
    return httpx.request(method, url, json=body, headers=headers, timeout=20)


@contextmanager
def application(live: LiveServer, key: str, **options: Any) -> Iterator[Client]:
    """An application with a ready client."""
    client = Client(key, url=live.url, app="journey", **options)
    try:
        assert client.wait_ready(10), client.status()
        yield client
    finally:
        client.close()


def until(ready: Callable[[], Any], seconds: float = 10.0) -> float:
    """Wait for something other threads bring about; returns how long it took."""
    began = time.monotonic()
    while not ready():
        assert time.monotonic() < began + seconds, "it did not come about in time"
        time.sleep(0.01)
    return time.monotonic() - began
