"""Edits of a flag's definition, which all environments of a project share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from accounts.permissions import Permission
from flags.edits.base import Edit, EditKind, InvalidEdit, Restore, edit
from flags.edits.documents import STAGES, TYPES, FlagDefinition, check_key

DEFINITION = EditKind.DEFINITION
FLAGS = Permission.EDIT_FLAGS


@edit("create_flag", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class CreateFlag(Edit):
    """Make a flag, off in every environment."""

    key: str
    flag_name: str
    type: str
    variations: Mapping[str, object]
    off: str
    fallthrough: str
    description: str = ""
    tags: tuple[str, ...] = ()
    stage: str = "release"
    client_side: bool = False

    def apply(self, flag: FlagDefinition | None) -> FlagDefinition:
        if flag is not None:
            raise InvalidEdit(f"the key {self.key} is taken", where="key")
        check_key(self.key)
        _one_of(self.type, TYPES, "type")
        _one_of(self.stage, STAGES, "stage")
        if not self.variations:
            raise InvalidEdit("a flag needs at least one variation", where="variations")
        for name in self.variations:
            check_key(name, "variations")
        for variation, where in ((self.off, "off"), (self.fallthrough, "fallthrough")):
            _one_of(variation, tuple(self.variations), where)
        return FlagDefinition(
            key=self.key,
            name=self.flag_name.strip() or self.key,
            type=self.type,
            variations=self.variations,
            off=self.off,
            fallthrough=self.fallthrough,
            description=self.description.strip(),
            tags=_clean(self.tags),
            stage=self.stage,
            client_side=self.client_side,
        )

    def sentence(self) -> str:
        return f"Create flag {self.key}"


def _one_of(value: str, allowed: tuple[str, ...], where: str) -> None:
    if value not in allowed:
        raise InvalidEdit(f"{value!r} is not one of {', '.join(allowed)}", where=where)


def _clean(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({tag.strip().lower() for tag in tags if tag.strip()}))


@edit("describe_flag", DEFINITION, FLAGS, metadata=True)
@dataclass(frozen=True, slots=True)
class DescribeFlag(Edit):
    """Give the flag another name or description for people; its key stays."""

    flag_name: str
    description: str = ""

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        name = self.flag_name.strip() or flag.key
        return replace(flag, name=name, description=self.description.strip())

    def sentence(self) -> str:
        return f"Call it {self.flag_name}"


@edit("set_tags", DEFINITION, FLAGS, metadata=True)
@dataclass(frozen=True, slots=True)
class SetTags(Edit):
    """Replace the tags."""

    tags: tuple[str, ...]

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        return replace(flag, tags=_clean(self.tags))

    def sentence(self) -> str:
        return f"Tag with {', '.join(self.tags) or 'nothing'}"


@edit("set_stage", DEFINITION, FLAGS, metadata=True)
@dataclass(frozen=True, slots=True)
class SetStage(Edit):
    """Say what the flag is for."""

    stage: str

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        _one_of(self.stage, STAGES, "stage")
        return replace(flag, stage=self.stage)

    def sentence(self) -> str:
        return f"Make it a {self.stage} flag"


@edit("set_client_side", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class SetClientSide(Edit):
    """Let client keys read this flag's evaluated value, or not."""

    client_side: bool

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        return replace(flag, client_side=self.client_side)

    def sentence(self) -> str:
        return "Show to client keys" if self.client_side else "Hide from client keys"


@edit("add_variation", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class AddVariation(Edit):
    """Offer one more value."""

    variation: str
    value: object

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        if self.variation in flag.variations:
            raise InvalidEdit(f"there is a variation {self.variation} already", where="variation")
        check_key(self.variation, "variation")
        return replace(flag, variations={**flag.variations, self.variation: self.value})

    def sentence(self) -> str:
        return f"Add variation {self.variation}"


@edit("change_variation", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class ChangeVariation(Edit):
    """Change the value a variation stands for."""

    variation: str
    value: object

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        _one_of(self.variation, tuple(flag.variations), "variation")
        return replace(flag, variations={**flag.variations, self.variation: self.value})

    def sentence(self) -> str:
        return f"Change what {self.variation} stands for"


@edit("remove_variation", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class RemoveVariation(Edit):
    """Offer a value no more; refused while a state still names it."""

    variation: str

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        _one_of(self.variation, tuple(flag.variations), "variation")
        if self.variation in {flag.off, flag.fallthrough}:
            raise InvalidEdit(
                f"new environments would serve {self.variation}",
                where="variation",
                hint="It is the flag's initial off or fallthrough variation.",
            )
        left = {key: value for key, value in flag.variations.items() if key != self.variation}
        return replace(flag, variations=left)

    def sentence(self) -> str:
        return f"Remove variation {self.variation}"


@edit("archive_flag", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class ArchiveFlag(Edit):
    """Stop serving the flag everywhere. Its key can never be used for another flag."""

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        return replace(flag, archived=True)

    def sentence(self) -> str:
        return "Archive"


@edit("restore_flag", DEFINITION, FLAGS)
@dataclass(frozen=True, slots=True)
class RestoreFlag(Edit):
    """Serve an archived flag again, as it was."""

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        return replace(flag, archived=False)

    def sentence(self) -> str:
        return "Bring back from the archive"


@edit("restore_definition", DEFINITION, Permission.ROLL_BACK, urgent=True)
@dataclass(frozen=True, slots=True)
class RestoreDefinition(Restore):
    """Bring back an earlier definition of this flag, with the tags it has now.

    A tag may carry a review: nobody is to shed one by going back.
    """

    def apply(self, flag: FlagDefinition) -> FlagDefinition:
        return replace(FlagDefinition.from_json(self.state), tags=flag.tags)
