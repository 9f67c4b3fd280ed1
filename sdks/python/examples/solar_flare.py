"""Visitors of the Solar Flare shop: an ordinary user of the SDK, for the demo.

    WAYFORK_URL=http://127.0.0.1:8000 WAYFORK_KEY=srv_… python solar_flare.py

It evaluates flags for a stream of visitors, which logs their exposures, and tracks what they do.
Whenever a flag changes it says so, so that one can watch a change arrive.
"""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter

from wayfork import Client
from wayfork.client import Change

VISITORS_PER_SECOND = float(os.environ.get("WAYFORK_DEMO_VISITORS", "8"))
COUNTRIES = ["DE"] * 5 + ["AT", "CH", "FR", "NL", "ES", "ES", "IT", "IT", "GR", "PT"]
REGULAR = {"userId": "visitor-regular", "country": "DE", "device": "laptop"}


def say(text: str) -> None:
    """One line of the log, at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def visitor(dice: random.Random) -> dict[str, object]:
    """Somebody comes; most are new, some come back."""
    number = 1_000_000 + int(time.time()) % 10_000_000 - int(dice.expovariate(1 / 600))
    country = dice.choice(COUNTRIES)
    return {
        "userId": f"visitor-{number}-{dice.randrange(12)}",
        "country": country,
        "device": dice.choice(["phone", "phone", "laptop"]),
        "email": "ada@solarflare.example" if dice.random() < 0.01 else "",
    }


def visit(client: Client, person: dict[str, object], dice: random.Random) -> str:
    """One visit: ask the flags the shop asks, then do what such a visitor does."""
    form = client.string("quote-form", "classic", person)
    has_calculator = client.bool("roof-calculator", False, person)
    client.bool("support-chat", False, person)
    client.int("free-shipping-from", 0, person)
    minutes = dice.lognormvariate(0.9, 0.7) * (1.08 if form == "guided" else 1.0)
    client.track("minutes on page", person, value=round(minutes, 2))
    if dice.random() < 0.46:
        client.track("form opened", person, form=form)
        chance = 0.28 + (0.065 if form == "guided" else 0) + (0.02 if has_calculator else 0)
        if dice.random() < chance:
            client.track("form submitted", person, form=form)
            if dice.random() < 0.22:
                amount = round(dice.lognormvariate(6.6, 0.6), 2)
                client.track("purchase", person, value=amount, currency="EUR")
    return form


def tell(client: Client, change: Change) -> None:
    """Say what a change means for one visitor, asked without counting as an exposure."""
    for key in sorted(change.keys):
        answer = client.peek(key, None, REGULAR)
        say(f"{key} changed (version {change.version}): a regular now gets {answer!r}")


def main() -> None:
    """Run until told to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    client = Client.from_env(app="solar-flare-shop")
    if client.wait_ready(30):
        say(f"connected, flags at version {client.status().version}")
        client.on_change(None, lambda change: tell(client, change))
    else:
        say("no connection yet; the shop goes on with its defaults")
    dice = random.Random()
    forms: Counter[str] = Counter()
    told = time.monotonic()
    while not stop.wait(dice.expovariate(VISITORS_PER_SECOND)):
        forms[visit(client, visitor(dice), dice)] += 1
        if time.monotonic() - told > 10:
            served = ", ".join(f"{name} {n}" for name, n in sorted(forms.items()))
            say(f"{sum(forms.values())} visitors: quote-form {served}")
            forms.clear()
            told = time.monotonic()
    client.close()


if __name__ == "__main__":
    sys.exit(main())
