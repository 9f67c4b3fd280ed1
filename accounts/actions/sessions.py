"""A person ends sessions of their own, from the list of them."""

from allauth.usersessions.models import UserSession

from accounts.access import Origin
from accounts.actions import security
from accounts.errors import NotFound
from accounts.models import User


def end(user: User, session_id: int, origin: Origin) -> None:
    """Sign out one of the person's own sessions."""
    session = UserSession.objects.filter(user=user, id=session_id).first()
    if session is None:
        raise NotFound("There is no such session.")
    session.end()
    after = {"sessions": 1, "address": session.ip}
    security.note(user, "account.session_ended", origin, after=after)


def end_others(user: User, current: str, origin: Origin) -> int:
    """Sign out everywhere but here; says how many sessions that were."""
    others = list(UserSession.objects.filter(user=user).exclude(session_key=current))
    for session in others:
        session.end()
    if others:
        security.note(user, "account.session_ended", origin, after={"sessions": len(others)})
    return len(others)
