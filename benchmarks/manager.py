"""The process in which people change flags: python -m benchmarks.manager [PORT]

Each line it reads flips the flag `switch`; it answers with the version and the moment of the
commit. With a port it also serves, as the embedded process does: daphne, in-memory channel layer.
"""

import json
import sys
import threading
import time

import django

from config import reactor

if len(sys.argv) > 1:
    reactor.install()
django.setup()

from django.db import transaction  # noqa: E402 - Django had to be up

from accounts import access  # noqa: E402
from accounts.models import User  # noqa: E402
from benchmarks.shop import SWITCH  # noqa: E402
from flags import changes, queries  # noqa: E402
from flags.edits import TurnOff, TurnOn  # noqa: E402


def flip() -> dict[str, float]:
    """One change by one person; the moment is taken first of all that follows the commit."""
    owner = access.of_member(User.objects.get(), "shop", "web", "production")
    flag = queries.flag(owner, SWITCH)
    committed: list[float] = []
    edit = TurnOff() if flag.state.enabled else TurnOn()
    began = time.monotonic()
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))
        outcome = changes.submit(
            owner, changes.state(SWITCH), [edit], expected_version=flag.version
        )
    assert isinstance(outcome, changes.Applied)
    return {
        "version": outcome.published[0].version,
        "committed": committed[0],
        "took": committed[0] - began,
    }


def obey() -> None:
    """Flip for each line read."""
    for _ in sys.stdin:
        print(json.dumps(flip()), flush=True)


def main() -> None:
    """Serve and obey, or only obey."""
    if len(sys.argv) < 2:
        obey()
        return
    from config.embedded import serve  # noqa: PLC0415 - installs a reactor

    threading.Thread(target=obey, daemon=True).start()
    serve(int(sys.argv[1]), lambda: None, lambda: None)


if __name__ == "__main__":
    main()
