"""`make run`: Wayfork with everything in one process, no service needed."""

import importlib
import os
import sys
import threading
from contextlib import ExitStack
from typing import NoReturn

from config.children import Child, simulator, start, stop_all
from config.stopping import ignore_signals, until_stopped
from config.workplace import CannotStart, Place, occupied, place_from, require_free, say, settle


def work() -> None:
    """Start and serve."""
    place = place_from(os.environ, default_folder="var")
    with occupied(place):
        require_free(place.port)
        for name in ("DATABASE_URL", "REDIS_URL"):
            # An address in the shell belongs to something else: `make run` must not touch it.
            if os.environ.get(name):
                say(f"    {name} is not used by `make run`; `make dev` uses it.")
        settle(place, {})
        _serve(place)


def _serve(place: Place) -> None:
    say("3/5 database")
    # Django and the libraries take a second or two to load. They are loaded here, not at the top,
    # so that Ctrl-C in that time is ours to answer and not a traceback.
    importlib.import_module("config.reactor").install()
    importlib.import_module("django").setup()
    first_start = importlib.import_module("config.first_start")
    first_start.migrate_if_needed()
    say("4/5 demo organization" if place.demo else "4/5 no demo (WAYFORK_DEMO=0)")
    first_start.furnish_demo(place)
    say("5/5 server")
    known = first_start.demo(place)
    embedded = importlib.import_module("config.embedded")
    require_free(place.port)

    with ExitStack() as stack:
        stack.enter_context(embedded.background_work(place.folder))
        visitors: list[Child] = []
        stack.callback(stop_all, visitors, patience=3)

        def listening() -> None:
            say(first_start.welcome(place, known))
            if program := simulator(place.url, known):
                visitors.append(start(program))

        def leaving() -> None:
            # Asked while the server still answers, so that they can hand in their last events.
            for child in visitors:
                child.ask_to_stop()

        served = embedded.serve(place.port, listening, leaving)
        ignore_signals()
        if not served:
            require_free(place.port)
            raise CannotStart(f"The server could not listen on port {place.port}.")


def leave(code: int) -> NoReturn:
    """End now: a thread in the middle of a long task would keep the process for its whole length."""
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(until_stopped(work))
