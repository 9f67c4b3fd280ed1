"""Refusals told once: problem+json for machines (RFC 9457), a page or a fragment for people."""

import logging
from collections.abc import Callable
from math import ceil
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework import exceptions as rest
from rest_framework.response import Response

from accounts.errors import DomainError, NotFound
from accounts.web.origin import request_id
from accounts.web.place import SignInNeeded
from accounts.web.second_factor import SecondFactorNeeded

log = logging.getLogger(__name__)

TITLES: Final = {
    400: "That request cannot be read",
    401: "Please sign in",
    403: "You may not do this",
    404: "There is nothing here",
    405: "Not in this way",
    406: "Not in that format",
    409: "Something is in the way",
    410: "No longer valid",
    413: "Too large",
    415: "Not in that format",
    422: "That cannot be accepted",
    428: "Say which version you mean",
    429: "Too many requests",
    500: "Something broke on our side",
    503: "Somebody else does not answer",
}
PROBLEM_JSON: Final = "application/problem+json"
# The framework's own refusals in our words: code and hint.
FRAMEWORK_CODES: Final = {
    "not_authenticated": (SignInNeeded.code, SignInNeeded.hint),
    "authentication_failed": ("bad_key", "Make a new access token under your name."),
    "permission_denied": (
        "forged_request",
        "Requests signed in by a cookie send its CSRF token; access tokens need none.",
    ),
    "parse_error": ("malformed_body", "Send one JSON object as UTF-8."),
    "unsupported_media_type": ("unsupported_media_type", "Send 'Content-Type: application/json'."),
    "not_acceptable": ("not_acceptable", "Accept application/json."),
    "method_not_allowed": ("method_not_allowed", "The header Allow names what can be done here."),
}


def body_of(
    status: int, code: str, detail: str, *, hint: str = "", **data: object
) -> dict[str, Any]:
    """A problem document. `code` is stable, `hint` says what to do."""
    return {
        "type": f"/docs/errors#{code}",
        "title": TITLES.get(status, TITLES[400]),
        "status": status,
        "code": code,
        "detail": detail,
        "hint": hint,
        **data,
    }


def body_of_error(error: DomainError) -> dict[str, Any]:
    """The problem document of a refusal."""
    data = {key: value for key, value in error.data.items() if value is not None and value != ""}
    return body_of(error.status, error.code, str(error), hint=error.hint, **data)


def is_api(request: HttpRequest) -> bool:
    """Whether a machine asks."""
    return request.path.startswith(("/api/", "/ofrep/", "/scim/"))


class ProblemMiddleware:
    """Turns refusals raised by pages into pages, and addresses no database can look up into 400."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # PostgreSQL keeps no NUL, so nothing is named by one.
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Forms are looked through as addresses are; REST's bodies have a parser of their own."""
        if is_api(request) or request.method != "POST":
            return None
        if any("\0" in text for texts in request.POST.lists() for text in map(str, texts[1])):
            return bad_request(request)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls this when a view raised."""
        if isinstance(error, DomainError):
            return answer(request, error)
        if isinstance(error, Http404):
            return answer(request, NotFound())
        return None


def answer(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The refusal, in the form the asker reads."""
    response = _refused(request, error)
    _say_when(response, error)
    return response


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    if is_api(request):
        return JsonResponse(body_of_error(error), status=error.status, content_type=PROBLEM_JSON)
    if isinstance(error, SignInNeeded):
        return redirect(f"{reverse('account_login')}?{urlencode({'next': request.path})}")
    if isinstance(error, SecondFactorNeeded) and not getattr(request, "htmx", None):
        return redirect(f"{reverse('accounts:second-factor')}?{urlencode({'next': request.path})}")
    return page(request, error.status, str(error), hint=error.hint)


def _say_when(response: HttpResponse, error: Exception) -> None:
    """A refusal for a while names its end."""
    wait = getattr(error, "wait", None)
    if wait:
        response["Retry-After"] = str(ceil(wait))


def page(request: HttpRequest, status: int, detail: str, *, hint: str = "") -> HttpResponse:
    """An error page, or only the box where a fragment was asked for."""
    fragment = getattr(request, "htmx", None)
    template = "components/problem.html" if fragment else "layouts/problem.html"
    context = {
        "status": status,
        "title": TITLES.get(status, TITLES[400]),
        "detail": detail,
        "hint": hint,
        "reference": request_id(request),
    }
    return render(request, template, context, status=status)


def rest_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal leaves as problem+json."""
    told = next((tell for kind, tell in TOLD if isinstance(error, kind)), None)
    if told is None:
        return None
    body = told(error)
    response = Response(body, status=body["status"], content_type=PROBLEM_JSON)
    _say_when(response, error)
    challenge = getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    return response


def _body_of_fields(error: Any) -> dict[str, Any]:
    return body_of(
        422,
        "invalid_input",
        "Some fields cannot be accepted.",
        hint="Mend the fields named in 'errors'.",
        errors=error.detail,
    )


def _body_of_framework(error: Any) -> dict[str, Any]:
    given = str(getattr(error, "default_code", "refused"))
    code, hint = FRAMEWORK_CODES.get(given, (given, ""))
    return body_of(error.status_code, code, str(error.detail), hint=hint)


# The first line that fits tells it.
TOLD: Final[tuple[tuple[type[Exception], Callable[[Any], dict[str, Any]]], ...]] = (
    (DomainError, body_of_error),
    (Http404, lambda _error: body_of_error(NotFound())),
    (rest.ValidationError, _body_of_fields),
    (rest.APIException, _body_of_framework),
    (RequestDataTooBig, lambda _: body_of(413, "body_too_large", "The body is too large.")),
    (
        SuspiciousOperation,
        lambda _: body_of(400, "malformed_body", "That request cannot be read."),
    ),
)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from one of our pages, or from one that is too old."""
    return page(
        request,
        403,
        "This form is too old or did not come from here, so nothing was changed.",
        hint="Reload the page and try again.",
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler400."""
    return _plain(request, 400, "malformed_body", "That request cannot be read.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404."""
    return _plain(request, 404, "not_found", "There is nothing at this address.")


def broken(request: HttpRequest) -> HttpResponse:
    """Django's handler500: says that it was logged, and under which id."""
    return _plain(request, 500, "broken", "Something broke on our side. It was logged.")


def _plain(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if is_api(request):
        return JsonResponse(body_of(status, code, detail), status=status, content_type=PROBLEM_JSON)
    return page(request, status, detail)
