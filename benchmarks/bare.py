"""The floor: an ASGI application that sends given bytes and decides nothing."""

import os
from pathlib import Path
from typing import Any

BODY = Path(os.environ["BARE_BODY"]).read_bytes()
# The same headers as the real answer, so that the same bytes cross the line.
SHARED = [
    (b"etag", b'"' + b"0" * 64 + b'"'),
    (b"wayfork-version", b"1.2"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"accept-encoding"),
]
FULL = [
    (b"content-type", b"application/json"),
    *SHARED,
    (b"content-length", str(len(BODY)).encode()),
]


async def application(scope: Any, _receive: Any, send: Any) -> None:
    """`/304` has no body; everything else has it."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/304":
        await send({"type": "http.response.start", "status": 304, "headers": SHARED})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": FULL})
        await send({"type": "http.response.body", "body": BODY})
