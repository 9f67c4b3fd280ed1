"""JSON from strangers: bounded in depth, and nothing a database could choke on."""

from typing import Any, Final

import orjson

from accounts.errors import DomainError

# Deeper documents are nobody's, and every later step that recurses stays far from its limit.
DEEPEST: Final = 64


class MalformedBody(DomainError):
    """The body is not JSON that can be kept."""

    code = "malformed_body"
    status = 400
    hint = "Send one JSON object as UTF-8."


def read(raw: bytes) -> Any:
    """The JSON in these bytes. NaN, lone surrogates and NUL characters are refused."""
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
