"""What the ledger calls a change: an act for each thing it changes, and the weightiest is its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flags.drafting import Draft, Target
from flags.edits import EditKind, Kill, Restore

# The weightiest first; among the nouns, what people are served before what it leans on.
VERBS: Final = ("rolled_back", "killed", "changed", "created")
NOUNS: Final = tuple(dict.fromkeys(Target(kind, "").noun for kind in EditKind))


@dataclass(frozen=True, slots=True)
class Act:
    """What became of one thing: `flag.killed`, of checkout."""

    noun: str
    key: str
    verb: str

    @property
    def name(self) -> str:
        """As the history says and finds it."""
        return f"{self.noun}.{self.verb}"


def of_drafts(drafts: Sequence[Draft]) -> list[Act]:
    """The acts of a change, the weightiest first; a flag's definition and its state are one thing."""
    things: dict[tuple[str, str], list[Draft]] = {}
    for one in drafts:
        things.setdefault((one.part.target.noun, one.key), []).append(one)
    acts = [Act(noun, key, _verb(parts)) for (noun, key), parts in things.items()]
    return sorted(acts, key=lambda act: (VERBS.index(act.verb), NOUNS.index(act.noun)))


def named(acts: Sequence[Act]) -> str:
    """The thing of the weightiest act, and how many more there are."""
    first, *others = acts
    return f"{first.key} and {len(others)} more" if others else first.key


def beside(acts: Sequence[Act]) -> list[str]:
    """Names of acts that are not the one the line is named for."""
    own = acts[0].name
    return [name for name in dict.fromkeys(act.name for act in acts) if name != own]


def _verb(parts: Sequence[Draft]) -> str:
    edits = [edit for one in parts for edit in one.part.edits]
    if any(isinstance(edit, Restore) for edit in edits):
        return "rolled_back"
    if any(isinstance(edit, Kill) for edit in edits):
        return "killed"
    return "created" if any(one.before is None for one in parts) else "changed"
