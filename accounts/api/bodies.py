"""Reading JSON bodies: bounded in size and depth, and nothing a database could choke on."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from accounts import documents
from accounts.errors import DomainError


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
        return documents.read(raw)
