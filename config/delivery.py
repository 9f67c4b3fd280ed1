"""The delivery role alone: what SDKs ask for, and nothing for people."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from accounts.errors import NotFound  # noqa: E402
from config import garbage  # noqa: E402 - needs the apps to be loaded
from config.routing import assemble  # noqa: E402 - likewise
from flags.delivery.http import Receive, Scope, Send, refuse  # noqa: E402


async def nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    """People's pages are served by the web process."""
    await refuse(send, NotFound("This process serves SDKs only."))


application = assemble(nothing_else)

garbage.settle()
