"""Reading JSON bodies: bounded in size and depth, and nothing a database could choke on."""

from collections.abc import Mapping
from typing import IO, Any, Final

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from accounts.errors import DomainError

# Deeper documents are nobody's, and every later step that recurses stays far from its limit.
DEEPEST: Final = 64


class MalformedBody(DomainError):
    """The body is not JSON that can be kept."""

    code = "malformed_body"
    status = 400
    hint = "Send one JSON object as UTF-8."


class BodyTooLarge(DomainError):
    """The body exceeds its limit."""

    code = "body_too_large"
    status = 413
    hint = "Send less at once."


class JSONBody(BaseParser):
    """One JSON document. NaN, lone surrogates and NUL characters are refused here, for all rooms."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - the framework's signature
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the framework's signature
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge(f"The body is larger than {limit:,} bytes.")
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise MalformedBody(f"The body is not JSON: {error}.") from error
        check(document)
        return document


def check(document: object) -> None:
    """Refuse what is nested too deeply, and text with NUL characters (PostgreSQL keeps none)."""
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            if "\0" in value:
                raise MalformedBody("The body holds a NUL character, which cannot be kept.")
        elif isinstance(value, dict | list):
            if depth > DEEPEST:
                raise MalformedBody(f"The body is nested deeper than {DEEPEST} levels.")
            inside = [*value, *value.values()] if isinstance(value, dict) else value
            waiting.extend((item, depth + 1) for item in inside)
