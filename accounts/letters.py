"""E-mails: one text and one page of the same name under `templates/emails`."""

import logging
from collections.abc import Mapping
from smtplib import SMTPException

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

log = logging.getLogger(__name__)


def send(
    template: str,
    to: str,
    subject: str,
    context: Mapping[str, object],
    *,
    headers: Mapping[str, str] | None = None,
) -> bool:
    """Send a letter; False when the mail server would not take it (the reason is logged)."""
    # A name may hold a line break; a subject must not.
    line = " ".join(subject.split())[:200]
    content = {**context, "subject": line}
    letter = EmailMultiAlternatives(
        line,
        render_to_string(f"emails/{template}.txt", content),
        to=[to],
        headers=dict(headers or {}),
    )
    letter.attach_alternative(render_to_string(f"emails/{template}.html", content), "text/html")
    try:
        return bool(letter.send())
    except (OSError, SMTPException) as error:
        log.warning("a letter (%s) was not sent: %s", template, error)
        return False
