"""A provider that says whatever a test wants it to say, under keys it publishes."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jwt.algorithms import RSAAlgorithm

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
ABSENT = object()


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """A key of this name, the same for the whole run."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(name: str, **more: Any) -> dict[str, Any]:
    """A key as a JWKS lists it."""
    key: dict[str, Any] = RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {**key, "kid": name, "use": "sig", "alg": "RS256", **more}


@dataclass
class Hostile:
    """What it publishes and answers; a test changes what it likes."""

    issuer: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    keys: Any = field(default_factory=list)
    # The token endpoint's answer, made when the code comes in; userinfo's answer.
    id_token: Any = ""
    status: int = 200
    # Said by the token endpoint instead, whatever it is.
    raw: bytes = b""
    told: Any = field(default_factory=dict)
    received: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def second(self) -> str:
        """A second issuer that it is as well."""
        return f"{self.issuer}/second"

    def reset(self) -> None:
        """As an honest provider begins."""
        self.document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/goodbye",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "backchannel_logout_supported": True,
        }
        self.keys = [published("first")]
        self.id_token, self.status, self.told, self.raw = "", 200, {}, b""
        self.received, self.asked = [], []

    def claims(self, for_nonce: str, /, **changed: Any) -> dict[str, Any]:
        """An honest identity token's claims, but for what is changed; ABSENT leaves one out."""
        now = int(time.time())
        honest = {
            "iss": self.issuer,
            "aud": "wayfork",
            "sub": "nina",
            "iat": now,
            "exp": now + 300,
            "nonce": for_nonce,
            "email": "nina@solar.example",
            "email_verified": True,
            "name": "Nina",
        }
        return {name: v for name, v in {**honest, **changed}.items() if v is not ABSENT}

    def logout_claims(self, **changed: Any) -> dict[str, Any]:
        """An honest logout token's claims, but for what is changed."""
        now = int(time.time())
        honest = {
            "iss": self.issuer,
            "aud": "wayfork",
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
            "sub": "nina",
            "events": {LOGOUT_EVENT: {}},
        }
        return {name: v for name, v in {**honest, **changed}.items() if v is not ABSENT}

    def sign(self, claims: Any, *, key: str = "first", kid: Any = None, **header: Any) -> str:
        """A token under one of its keys; `kid=ABSENT` names none."""
        # By hand: a library would refuse to write some of what a test wants to read.
        head = {"alg": "RS256", "typ": "JWT", "kid": kid or key, **header}
        if kid is ABSENT:
            del head["kid"]
        signed = f"{_encoded(head)}.{_encoded(claims)}"
        mac = private_key(key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    def unsigned(self, claims: dict[str, Any], alg: str = "none") -> str:
        """A token without a signature."""
        parts = [{"alg": alg, "typ": "JWT", "kid": "first"}, claims]
        return ".".join([*map(_encoded, parts), ""])

    def answer(self, path: str, body: str) -> tuple[int, Any]:
        """What it says to a request."""
        self.asked.append(path)
        if path == "/token":
            self.received.append({name: texts[0] for name, texts in parse_qs(body).items()})
            if self.raw:
                return self.status, self.raw
            said = {"id_token": self.id_token, "access_token": "at", "token_type": "Bearer"}
            return self.status, said if self.status == 200 else {"error": "invalid_grant"}
        answers = {
            "/.well-known/openid-configuration": self.document,
            # Another issuer under the same keys, which an honest `iss` names.
            "/second/.well-known/openid-configuration": {**self.document, "issuer": self.second},
            "/keys": {"keys": self.keys},
            "/userinfo": self.told,
        }
        return (200, answers[path]) if path in answers else (404, {})


def _encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@contextmanager
def hostile_provider() -> Iterator[Hostile]:
    """Listens on loopback while the block runs."""
    hostile = Hostile()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer(self.rfile.read(length).decode())

        def _answer(self, body: str) -> None:
            status, said = hostile.answer(self.path, body)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    hostile.issuer = f"http://127.0.0.1:{server.server_port}"
    hostile.reset()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hostile
    finally:
        server.shutdown()
        server.server_close()
