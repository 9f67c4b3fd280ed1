"""Starts the two providers, and acts as the browser that visits them."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from tests.servers.absence import cannot_be_had

HERE = Path(__file__).parent
REDIRECTS = {301, 302, 303, 307}


@dataclass(frozen=True)
class RealProvider:
    """One of the two: who exists there, who signs in next, and which applications it knows."""

    issuer: str

    def has_accounts(self, **accounts: Mapping[str, Any]) -> None:
        """Nobody else exists there from now on."""
        self._control("accounts", accounts)

    def next_is(self, sub: str, *, acr: str = "") -> None:
        """Who answers its next question; `nobody` is refused."""
        self._control("next", {"sub": sub, "acr": acr})

    def register(self, **addresses: Any) -> Mapping[str, Any]:
        """Make an application known to it; its client id and secret."""
        answer = httpx.post(
            f"{self.issuer}/reg",
            json={
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_basic",
                **addresses,
            },
        )
        assert answer.status_code == 201, answer.text
        made: Mapping[str, Any] = answer.json()
        return made

    def _control(self, what: str, given: object) -> None:
        answer = httpx.post(f"{self.issuer}/control/{what}", json=given)
        assert answer.status_code == 204, answer.text


@dataclass
class Visit:
    """A browser's cookies at a provider."""

    client: httpx.Client = field(default_factory=httpx.Client)

    def follow(self, address: str, home: str) -> str:
        """Go where a provider leads until it leads back home; that address."""
        for _step in range(10):
            answer = self.client.get(address)
            assert answer.status_code in REDIRECTS, f"{answer.status_code}: {answer.text[:500]}"
            address = urljoin(address, answer.headers["location"])
            if address.startswith(home):
                return address
        raise AssertionError(f"{address} leads nowhere")


@contextmanager
def two_providers() -> Iterator[tuple[RealProvider, RealProvider]]:
    """Both, as long as the block runs."""
    node = shutil.which("node")
    if node is None:
        cannot_be_had("There is no Node.js: sign-in through real providers is not tested.")
    if not (HERE / "node_modules").is_dir():
        cannot_be_had("Real providers are not installed (make identity-provider): not tested.")
    process = subprocess.Popen(
        [str(node), str(HERE / "server.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            cannot_be_had("Node.js could not start the real providers: they are not tested.")
        north, south = json.loads(said)
        yield RealProvider(north), RealProvider(south)
    finally:
        process.communicate(timeout=10)
