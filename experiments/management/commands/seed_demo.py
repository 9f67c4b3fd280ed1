"""`manage.py seed_demo`: the demo organization, its people, flags, experiment and keys."""

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from experiments import demo


class Command(BaseCommand):
    """Prints one line of JSON: who to sign in as, and the SDK keys."""

    help = "Make (or refresh) the demo organization Solar Flare; prints sign-in and keys as JSON."

    def handle(self, *_args: Any, **_options: Any) -> str:
        with transaction.atomic():
            made = demo.make(f"sunny-{secrets.token_hex(4)}")
        return json.dumps(made.to_json())
