"""The browser sessions of a person, ended all at once."""

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import SsoSession, User


def end_all(user: User) -> int:
    """Sign a person out everywhere; says how many browsers that were.

    A session does not name its person outside its sealed content, so each live one is opened:
    this happens when somebody is let out, never while a page is being made.
    """
    live = Session.objects.filter(expire_date__gt=timezone.now())
    theirs = [
        session.session_key
        for session in live.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    SsoSession.across_tenants.filter(session_key__in=theirs).delete()
    ended, _of_each = Session.objects.filter(session_key__in=theirs).delete()
    return ended
