"""Pages about one's own account are kept by no cache: they show secrets once."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

PLACES: Final = ("/account/", "/accounts/")


class PrivatePagesMiddleware:
    """allauth's pages cannot be decorated one by one; a back button would show what they showed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(PLACES):
            add_never_cache_headers(response)
        return response
