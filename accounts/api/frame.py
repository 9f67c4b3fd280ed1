"""What every REST resource shares: strict input, versions, pages, and the current state on 409."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import limits
from accounts.errors import DomainError, InvalidInput, NotPermitted
from accounts.limits import Limit
from accounts.models import AccessToken

T = TypeVar("T")

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PAGE: Final = 50
MOST: Final = 200
# A body of a million unknown fields is answered with the first few of them.
NAMED_AT_MOST: Final = 10


class VersionMissing(DomainError):
    """A write must say which version it was made against."""

    code = "version_missing"
    status = 428
    hint = 'Read the object, then send its ETag back as If-Match: "<version>".'


class TokenReadsOnly(NotPermitted):
    """The access token was made for reading."""

    hint = "Use an access token that may write."


class Resource(APIView):
    """One address. Subclasses translate: access, then a query or a verb, then an answer."""

    # The section of the reference this resource stands in.
    tag = ""
    # Whether its POST writes nothing, so that a token for reading may send it.
    only_reads = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Sign-in is checked by the framework; then how often they ask, then that a token for
        reading does not write."""
        super().initial(request, *args, **kwargs)
        limits.count_all(_limits_of(request))
        token = request.auth
        writes = request.method not in READING and not self.only_reads
        if writes and isinstance(token, AccessToken) and token.read_only:
            raise TokenReadsOnly("This access token may only read.", permission="write")

    def handle_exception(self, exc: Exception) -> Response:
        """A stale version is answered with the current document, so that nothing is lost."""
        if isinstance(exc, DomainError) and exc.code == "stale_version":
            exc.data = {**exc.data, "current": self.current()}
        return super().handle_exception(exc)

    def current(self) -> Any:
        """What a GET of this address answers now."""
        read = getattr(self, "get", None)
        return read(self.request, **self.kwargs).data if read else None


def _limits_of(request: Request) -> list[Limit]:
    """A person's tokens and sessions share one limit, so that more tokens bring no more requests.

    An organization's limit counts what its tokens ask: they alone prove that they belong to it.
    """
    token = request.auth
    if not isinstance(token, AccessToken):
        found = [("rest-person", request.user.pk, settings.REST_PER_PERSON)]
    else:
        member = token.membership
        asker = ("rest-person", member.user_id) if member else ("rest-token", token.pk)
        organization = ("rest-organization", token.organization_id)
        found = [
            (*asker, settings.REST_PER_PERSON),
            (*organization, settings.REST_PER_ORGANIZATION),
        ]
    return [Limit(what, str(who), most, limits.MINUTE) for what, who, most in found if most]


class Input(serializers.Serializer[Any]):
    """What a request may say. A field we do not know is refused by name: it may be a typo."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name)[:100] for name in data if name not in self.fields]
            if unknown:
                problem = {name: ["There is no such field."] for name in unknown[:NAMED_AT_MOST]}
                raise serializers.ValidationError(problem)
        return super().to_internal_value(data)


class Output(serializers.Serializer[Any]):
    """What an answer holds, no more and no less."""


def body(request: Request, shape: type[Input]) -> dict[str, Any]:
    """The request's body, checked; raises what is wrong with each field."""
    return _valid(shape(data=request.data))


def query(request: Request, shape: type[Input]) -> dict[str, Any]:
    """The address's parameters, checked."""
    return _valid(shape(data=request.query_params.dict()))


def _valid(given: Input) -> dict[str, Any]:
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


# --- versions


def expected_version(request: Request) -> int:
    """The version named by If-Match."""
    tag = expected_tag(request)
    if not tag.isascii() or not tag.isdecimal() or len(tag) > 9:
        raise VersionMissing(f"If-Match names {tag[:40]!r}, which is no version of this object.")
    return int(tag)


def expected_tag(request: Request) -> str:
    """What If-Match names; the quotes are optional."""
    given = request.headers.get("If-Match", "").strip().removeprefix("W/")
    tag = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not tag or tag == "*":
        raise VersionMissing("This changes an object, but does not say which version of it.")
    return tag


def fingerprint(document: object) -> str:
    """The version of an object that counts none: a digest of what it says."""
    written = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


class StaleDocument(DomainError):
    """Somebody else changed this since it was read."""

    code = "stale_version"
    status = 409
    hint = "Look at what changed, then send your edit again with the newer version."


def same_version(request: Request, actual: str) -> None:
    """Refuse a write made against another state of the object.

    For verbs that take no version: called in the transaction of the write.
    """
    expected = expected_tag(request)
    if expected != actual:
        raise StaleDocument(
            "This was changed since you read it.", expected=expected[:40], actual=actual
        )


def versioned(shown: serializers.BaseSerializer[Any], version: object) -> Response:
    """A document with its version as the ETag a write must name."""
    return Response(shown.data, headers={"ETag": f'"{version}"'})


# --- pages


class PageQuery(Input):
    """Which part of a list is wanted."""

    cursor = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=300,
        help_text="The `next` of the page before.",
    )
    limit = serializers.IntegerField(
        required=False, default=PAGE, min_value=1, max_value=MOST, help_text="How many at most."
    )


def cursor_of(key: object) -> str:
    """A place in a list, as an opaque word."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def place_of(cursor: str) -> str:
    """The key behind a cursor; empty at the beginning."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = base64.b64decode(padded.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    if "\0" in found:
        raise bad_cursor()
    return found


def bad_cursor() -> InvalidInput:
    """A cursor nobody gave out, or of an item that is gone."""
    return InvalidInput(
        "That cursor leads nowhere.", hint="Begin again without a cursor.", where="cursor"
    )


def page(
    items: Sequence[T], shape: type[Output], key: Callable[[T], object], *, limit: int
) -> Response:
    """The first `limit` of some items, and the cursor of the rest if there is one."""
    shown = items[:limit]
    return page_to(shown, shape, key(shown[-1]) if len(items) > limit else None)


def page_to(items: Sequence[object], shape: type[Output], last: object | None) -> Response:
    """All of the items, and the cursor of the rest, which begins behind `last`; None: no rest."""
    more = None if last is None else cursor_of(last)
    return Response({"items": shape(items, many=True).data, "next": more})


def page_of_list(
    request: Request,
    items: Sequence[T],
    shape: type[Output],
    key: Callable[[T], object],
    *,
    asked: type[PageQuery] = PageQuery,
) -> Response:
    """A page of a list that is read whole, because a project has few of these."""
    wanted = query(request, asked)
    limit = wanted["limit"]
    if not wanted["cursor"]:
        return page(items, shape, key, limit=limit)
    last = place_of(wanted["cursor"])
    for index, item in enumerate(items):
        if str(key(item)) == last:
            return page(items[index + 1 :], shape, key, limit=limit)
    raise bad_cursor()
