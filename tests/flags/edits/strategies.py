"""Any edit that a form, REST or a stored change could hold, for property tests."""

from typing import Any

from hypothesis import strategies as st

from flags import edits
from flags.edits.base import EDITS, Edit
from wayfork.engine import Allocation, Clause, Prerequisite, Rule, Split

# What PostgreSQL can keep: any character but NUL, and no half of a surrogate pair.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
name = st.text("abcxyz019._-ÄŸ語", min_size=1, max_size=8)
names = st.lists(name, max_size=3, unique=True).map(tuple)
whole = st.integers(0, 100_000)
# Halves and quarters come back from JSON as they went, on every database.
number = st.integers(-(2**53), 2**53) | st.integers(-4000, 4000).map(lambda quarter: quarter / 4)
scalar = st.none() | st.booleans() | number | text
json_value = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)

ranges = st.lists(st.tuples(st.integers(0, 50_000), st.integers(50_001, 100_000)), max_size=2).map(
    tuple
)
hashes = st.none() | name
clauses = st.builds(
    Clause,
    st.none() | name,
    name,
    st.lists(scalar, max_size=3).map(tuple),
    st.booleans(),
    st.booleans(),
)
allocations = st.builds(Allocation, name, name, ranges, hashes)
weights = st.lists(st.tuples(name, whole), max_size=3).map(tuple)
splits = st.builds(Split, name, name, weights, hashes)
serves = name | splits
rules = st.builds(
    Rule,
    name,
    text,
    st.lists(clauses, max_size=2).map(tuple),
    serves,
    st.none() | allocations,
    st.none() | name,
)
prerequisites = st.lists(st.builds(Prerequisite, name, names), max_size=2).map(tuple)
groups = st.lists(st.lists(clauses, max_size=2).map(tuple), max_size=2).map(tuple)
objects = st.dictionaries(text, json_value, max_size=3)
freezes = st.fixed_dictionaries({"from": text, "to": text, "reason": text})
stewards = st.fixed_dictionaries({"kind": name, "key": name, "editors": names.map(list)})

FIELDS: dict[type[Edit], dict[str, st.SearchStrategy[Any]]] = {
    edits.CreateFlag: {
        "key": name,
        "flag_name": text,
        "type": name,
        "variations": objects,
        "off": name,
        "fallthrough": name,
        "description": text,
        "tags": names,
        "stage": name,
        "client_side": st.booleans(),
    },
    edits.DescribeFlag: {"flag_name": text, "description": text},
    edits.SetTags: {"tags": names},
    edits.SetStage: {"stage": name},
    edits.SetClientSide: {"client_side": st.booleans()},
    edits.AddVariation: {"variation": name, "value": json_value},
    edits.ChangeVariation: {"variation": name, "value": json_value},
    edits.RemoveVariation: {"variation": name},
    edits.ArchiveFlag: {},
    edits.RestoreFlag: {},
    edits.CreateSegment: {
        "key": name,
        "segment_name": text,
        "unit": name,
        "included": names,
        "excluded": names,
        "rules": groups,
        "description": text,
    },
    edits.SetSegment: {"unit": name, "included": names, "excluded": names, "rules": groups},
    edits.DescribeSegment: {"segment_name": text, "description": text},
    edits.ArchiveSegment: {},
    edits.SetHoldoutDefinition: {
        "key": name,
        "holdout_name": text,
        "unit": name,
        "steps": whole,
        "salt": name,
    },
    edits.SetLayer: {
        "key": name,
        "layer_name": text,
        "unit": name,
        "slots": objects,
        "salt": name,
    },
    edits.SetUnitTypes: {"units": objects},
    edits.SetReviewRules: {
        "approvals": st.integers(0, 5),
        "frozen": st.booleans(),
        "reviewers": names,
        "freezes": st.lists(freezes, max_size=2).map(tuple),
    },
    edits.SetStewards: {"stewards": st.lists(stewards, max_size=2).map(tuple)},
    edits.TurnOn: {},
    edits.TurnOff: {},
    edits.SetOff: {"variation": name},
    edits.SetFallthrough: {"serve": serves},
    edits.AddRule: {"rule": rules, "position": st.none() | whole},
    edits.ReplaceRule: {"rule": rules, "reshuffle": st.booleans()},
    edits.RemoveRule: {"rule_id": name},
    edits.MoveRule: {"rule_id": name, "position": whole},
    edits.SetRollout: {"rule_id": name, "steps": whole},
    edits.AssignUnits: {"unit_type": name, "variation": name, "unit_ids": names},
    edits.UnassignUnits: {"unit_type": name, "unit_ids": names},
    edits.SetPrerequisites: {"prerequisites": prerequisites},
    edits.SetFlagHoldout: {"holdout": st.none() | name},
    edits.CopyState: {
        "source": name,
        "version": whole,
        "state": objects,
        "with_switch": st.booleans(),
        "with_assignments": st.booleans(),
    },
    edits.Kill: {},
    edits.RestoreState: {"state": objects, "version": whole},
    edits.RestoreDefinition: {"state": objects, "version": whole},
    edits.RestoreSegment: {"state": objects, "version": whole},
}

KNOWN = sorted(EDITS.values(), key=lambda cls: cls.name)


def any_edit_of(cls: type[Edit]) -> st.SearchStrategy[Edit]:
    """Edits of one class."""
    return st.builds(cls, **FIELDS[cls])


any_edit = st.sampled_from(KNOWN).flatmap(any_edit_of)
