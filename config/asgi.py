"""The whole product as one ASGI application: SDK endpoints in front, Django behind."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

from accounts import live  # noqa: E402 - needs the apps to be loaded
from config import garbage  # noqa: E402 - likewise
from config.routing import assemble  # noqa: E402 - likewise

application = assemble(django_application, live.SOCKETS)

garbage.settle()
