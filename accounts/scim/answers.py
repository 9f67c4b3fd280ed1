"""What a directory is answered: SCIM's media type, versions, and refusals in SCIM's shape."""

import hashlib
import json
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    PreconditionFailedException,
    Resource,
    ResponseParameters,
    SCIMException,
    UniquenessException,
)

from accounts.errors import DomainError

MEDIA_TYPE: Final = "application/scim+json"
# Our refusals in SCIM's words; others have none.
KEYWORDS: Final = {"already_exists": "uniqueness", "invalid_input": "invalidValue"}


def answer(body: dict[str, Any] | None, status: int = 200, **headers: str) -> HttpResponse:
    """A document, or nothing."""
    content = b"" if body is None else json.dumps(body).encode()
    response = HttpResponse(content, content_type=MEDIA_TYPE, status=status)
    for name, value in headers.items():
        response[name] = value
    # What a directory reads is about people.
    response["Cache-Control"] = "no-store"
    return response


def resource(
    found: Resource[Any], wanted: ResponseParameters[Any] | None = None, status: int = 200
) -> HttpResponse:
    """One resource with its version and address."""
    body = written(found, wanted)
    meta = found.meta
    headers = {"ETag": version_of(found)}
    if status == 201 and meta is not None and meta.location is not None:
        headers["Location"] = str(meta.location)
    return answer(body, status, **headers)


def written(found: Resource[Any], wanted: ResponseParameters[Any] | None = None) -> dict[str, Any]:
    """A resource as JSON, with the version in its meta."""
    if found.meta is not None:
        found.meta.version = version_of(found)
    return found.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=wanted)


def version_of(found: Resource[Any]) -> str:
    """A digest of what the resource says."""
    said = found.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    said.pop("meta", None)
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f'W/"{digest[:16]}"'


def require_version(request: HttpRequest, found: Resource[Any]) -> None:
    """Refuse a write made against another state."""
    given = request.headers.get("If-Match", "").strip()
    if given and given != "*" and _bare(version_of(found)) not in map(_bare, given.split(",")):
        raise PreconditionFailedException(detail="This was changed since it was read.")


def is_known(request: HttpRequest, found: Resource[Any]) -> bool:
    """Whether the directory holds this very state."""
    given = request.headers.get("If-None-Match", "").strip()
    return bool(given) and _bare(version_of(found)) in map(_bare, given.split(","))


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')


def refusal(error: Exception) -> HttpResponse | None:
    """What went wrong, in SCIM's shape; None when it is a fault of ours."""
    if isinstance(error, IntegrityError):
        error = UniquenessException(detail="Somebody else entered this at the same moment.")
    if isinstance(error, SCIMException):
        return told(error.to_error())
    if isinstance(error, ValidationError):
        return told(Error.from_validation_errors(error)[0])
    if isinstance(error, DomainError):
        detail = f"{error} {error.hint}".strip()
        status = 400 if error.status == 422 else error.status
        return told(Error(status=status, scim_type=KEYWORDS.get(error.code), detail=detail))
    if isinstance(error, RequestDataTooBig):
        return told(Error(status=413, detail="The body is too large."))
    return None


def told(error: Error) -> HttpResponse:
    """An error document under its status."""
    response = answer(error.model_dump(), int(error.status or 400))
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="directory"'
    return response
