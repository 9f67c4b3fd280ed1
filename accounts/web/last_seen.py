"""Keeps the list of a person's sessions in step: when and from where each was last used."""

from collections.abc import Callable
from typing import Final

from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from accounts.web.place import is_person

NOTED_EVERY_SECONDS: Final = 300


class LastSeenMiddleware:
    """Writes at most once in five minutes: a page must not cost a write each time.

    It also enters sessions that did not begin with allauth, as those of single sign-on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        # Without a session key nobody is signed in, and the person need not be looked up.
        if (
            key
            and cache.add(f"wayfork:seen:{key}", 1, NOTED_EVERY_SECONDS)
            and is_person(request.user)
        ):
            UserSession.objects.create_from_request(request)
        return self.get_response(request)
