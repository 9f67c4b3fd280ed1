"""Files too long to be held whole, sent piece by piece."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.request import Request


def download(
    request: HttpRequest | Request, name: str, content_type: str, pieces: Iterator[bytes]
) -> StreamingHttpResponse:
    """A file to keep, whose pieces are made while it is sent."""
    asked = request._request if isinstance(request, Request) else request  # noqa: SLF001 - REST's own wraps it
    body = _awaited(pieces) if isinstance(asked, ASGIRequest) else pieces
    response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Under ASGI a plain iterator would be read to its end before the first byte is sent."""
    while True:
        piece = await sync_to_async(_next)(pieces)
        if piece is None:
            return
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
