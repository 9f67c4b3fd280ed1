"""System checks: what must not run in production."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def refuse_unsafe_production(**_: Any) -> Sequence[CheckMessage]:
    """In production a default secret, debug pages or an in-memory layer are errors."""
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    if settings.SECRET_KEY == settings.INSECURE_SECRET:
        hint = "Set WAYFORK_SECRET_KEY or WAYFORK_SECRET_KEY_FILE to 50 random characters."
        found.append(Error("The secret key is the public default.", hint=hint, id="wayfork.E001"))
    if settings.DEBUG:
        found.append(Error("Debug pages are on.", hint="Unset WAYFORK_DEBUG.", id="wayfork.E002"))
    if not settings.REDIS_URL:
        hint = "Set REDIS_URL: processes tell each other of new snapshots through it."
        found.append(Error("There is no Redis.", hint=hint, id="wayfork.E003"))
    return found


@register()
def refuse_unreadable_networks(**_: Any) -> Sequence[CheckMessage]:
    """Each network that outbound calls may reach is written as one, or nothing would be allowed."""
    found: list[CheckMessage] = []
    for text in settings.OUTBOUND_ALLOW:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            hint = "Write networks like 10.0.0.0/8, single hosts like 10.1.2.3/32."
            found.append(Error(f"WAYFORK_OUTBOUND_ALLOW: {error}.", hint=hint, id="wayfork.E004"))
    return found
