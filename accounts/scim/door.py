"""Where directories come in. The library of SCIM's shapes is loaded when the first one does."""

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

Answer = Callable[[HttpRequest, str, str], HttpResponse]


@csrf_exempt
def enter(request: HttpRequest, organization: str, path: str = "") -> HttpResponse:
    """Everything below a directory's base address. No cookie counts here, so none can be forged."""
    return _answer()(request, organization, path)


@cache
def _answer() -> Answer:
    # Half a second that processes without a directory need not spend at their start.
    found: Answer = import_string("accounts.scim.views.answer")
    return found
