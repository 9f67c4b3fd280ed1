"""Keeps the list of a person's sessions in step: when and from where each was last used."""

from collections.abc import Callable
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
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
            note(request, request.user, key)
        return self.get_response(request)


def note(request: HttpRequest, user: User, key: str) -> None:
    """This session is in use, from here."""
    used = UserSession.objects.filter(session_key=key, user=user).update(
        last_seen_at=timezone.now(), ip=get_adapter().get_client_ip(request)
    )
    if not used:
        UserSession.objects.create_from_request(request)
