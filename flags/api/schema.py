"""The JSON of edits and of the documents they change, described once for the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, get_type_hints

from flags.edits import Edit, EditKind
from flags.edits.base import EDITS

TEXT: Final[dict[str, Any]] = {"type": "string"}
WHOLE: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
TEXTS: Final[dict[str, Any]] = {"type": "array", "items": TEXT}
OBJECT: Final[dict[str, Any]] = {"type": "object", "additionalProperties": {}}
PAIR_OF_STEPS: Final[dict[str, Any]] = {
    "type": "array",
    "items": WHOLE,
    "minItems": 2,
    "maxItems": 2,
}
CLAUSE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One condition on the context: any of `values` will do.",
    "properties": {
        "attribute": TEXT,
        "op": {"type": "string", "examples": ["in", "starts_with", "greater", "in_segment"]},
        "values": {"type": "array", "items": {}},
        "negate": {"type": "boolean"},
        "ignoreCase": {"type": "boolean"},
    },
    "required": ["op", "values"],
    "additionalProperties": False,
}
ALLOCATION: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Which units a rule takes in, as ranges of 100,000 steps.",
    "properties": {
        "unit": TEXT,
        "salt": TEXT,
        "ranges": {"type": "array", "items": PAIR_OF_STEPS},
        "hash": TEXT,
    },
    "required": ["unit", "ranges"],
    "additionalProperties": False,
}
SERVE: Final[dict[str, Any]] = {
    "description": "A variation, or a split of units among variations by weights of 100,000 in all.",
    "oneOf": [
        TEXT,
        {
            "type": "object",
            "properties": {
                "unit": TEXT,
                "salt": TEXT,
                "weights": {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "prefixItems": [TEXT, WHOLE],
                        "minItems": 2,
                        "maxItems": 2,
                    },
                },
                "hash": TEXT,
            },
            "required": ["unit", "weights"],
            "additionalProperties": False,
        },
    ],
}
RULE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Serves something to the units whose context meets every clause.",
    "properties": {
        "id": TEXT,
        "name": TEXT,
        "when": {"type": "array", "items": CLAUSE},
        "serve": SERVE,
        "allocation": ALLOCATION,
        "experiment": TEXT,
    },
    "required": ["serve"],
    "additionalProperties": False,
}
PREREQUISITE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A flag that must serve one of these variations first.",
    "properties": {"flag": TEXT, "variations": TEXTS},
    "required": ["flag", "variations"],
}
ASSIGNMENTS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "By unit type: the variation each named unit always gets.",
    "additionalProperties": {"type": "object", "additionalProperties": TEXT},
}
GROUPS: Final[dict[str, Any]] = {
    "type": "array",
    "description": "A context matches when it meets every clause of any group.",
    "items": {"type": "array", "items": CLAUSE},
}

# One line per type an edit's field may have (flags.edits.base.READERS).
_OF_TYPE: Final[Mapping[str, dict[str, Any]]] = {
    "<class 'str'>": TEXT,
    "str | None": {"type": ["string", "null"]},
    "<class 'bool'>": {"type": "boolean"},
    "<class 'int'>": WHOLE,
    "int | None": {"type": ["integer", "null"], "minimum": 0},
    "tuple[str, ...]": TEXTS,
    "collections.abc.Mapping[str, object]": OBJECT,
    "tuple[collections.abc.Mapping[str, object], ...]": {"type": "array", "items": OBJECT},
    "<class 'object'>": {},
    "<class 'wayfork.engine.snapshot.Rule'>": RULE,
    "str | wayfork.engine.snapshot.Split": SERVE,
    "tuple[wayfork.engine.snapshot.Prerequisite, ...]": {"type": "array", "items": PREREQUISITE},
    "tuple[tuple[wayfork.engine.snapshot.Clause, ...], ...]": GROUPS,
}
# Made by roll backs, copies and the kill switch only, which have addresses of their own.
INTERNAL: Final = frozenset(
    {"copy_state", "restore_state", "restore_definition", "restore_segment", "kill"}
)


def edits_of(kind: EditKind) -> dict[str, Any]:
    """A list of edits of one kind, as its schema."""
    known = [_edit(cls) for name, cls in EDITS.items() if cls.kind == kind and name not in INTERNAL]
    return {"type": "array", "minItems": 1, "items": {"oneOf": known}}


def any_edits() -> dict[str, Any]:
    """A list of edits of whichever kind, as its schema."""
    known = [_edit(cls) for name, cls in EDITS.items() if name not in INTERNAL]
    return {"type": "array", "minItems": 1, "items": {"oneOf": known}}


def _edit(cls: type[Edit]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    known = fields(cls)  # type: ignore[arg-type]  # every edit is a dataclass
    properties = {field.name: _OF_TYPE[str(hints[field.name])] for field in known}
    required = [field.name for field in known if field.default is MISSING]
    return {
        "type": "object",
        "title": cls.name,
        "description": (cls.__doc__ or "").strip(),
        "properties": {"edit": {"const": cls.name}, **properties},
        "required": ["edit", *required],
        "additionalProperties": False,
    }
