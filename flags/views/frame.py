"""What every tab of a flag's page shows above the tab: its sentence, its states, its tabs."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts import queries as places
from accounts.access import Access
from flags import changes, queries
from flags.edits import EditKind
from flags.queries import FlagInEnvironment
from flags.views import cards, connections, proposing
from flags.views.cards import here
from flags.views.request_banners import banners
from flags.views.sentences import flag_sentence


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab."""

    key: str
    name: str
    url: str
    count: int | None = None


def flag_frame(access: Access, key: str, tab: str) -> dict[str, Any]:
    """The context every tab starts from."""
    line = queries.flag_everywhere(access, key)
    environments = places.environments_here(access)
    flag = line.states[access.environment.key]
    page = PAGES.get(tab, "flags:detail")
    waiting = queries.waiting_targets(access, [key])
    ways = proposing.ways(access, changes.state(key))
    return {
        "nav": "flags",
        "flag": flag,
        "definition": line.definition,
        "sentence": flag_sentence(flag.state, access.environment.name),
        "environments": cards.environment_states(access, line, environments, page),
        "states": cards.environment_states(access, line, environments, "flags:detail", waiting),
        "ways": ways,
        "asks": not ways.forecast.is_free,
        "banners": banners(access, (EditKind.STATE, EditKind.DEFINITION), key),
        "tab": tab,
        "tabs": tabs(access, flag),
        "connected": connections.panel(access),
    }


PAGES = {
    "targeting": "flags:detail",
    "why": "flags:why",
    "history": "flags:history",
    "settings": "flags:settings",
}


def tabs(access: Access, flag: FlagInEnvironment) -> list[Tab]:
    """The tabs of a flag's page."""
    key = flag.definition.key
    return [
        Tab("targeting", _("Targeting"), here(access, "flags:detail", key), len(flag.state.rules)),
        Tab("why", _("Why does this user get this?"), here(access, "flags:why", key)),
        Tab("history", _("History"), here(access, "flags:history", key)),
        Tab("settings", _("Variations and settings"), here(access, "flags:settings", key)),
    ]
