"""The whole product as one ASGI application: SDK endpoints in front, Django behind."""

import gc
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

from accounts import live  # noqa: E402 - needs the apps to be loaded
from config.routing import assemble  # noqa: E402 - likewise

application = assemble(django_application, live.SOCKETS)

# What is loaded by now stays for good. Left in the collector's sight, each full collection walks
# all of it: a pause of a tenth of a second in the middle of telling a thousand sockets of a change.
gc.collect()
gc.freeze()
