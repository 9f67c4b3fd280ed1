"""The evaluation engine: a compiled snapshot and a context give a value and the reason for it."""

from wayfork.engine import reasons
from wayfork.engine.bucketing import bucket, seed_of
from wayfork.engine.compile import Compiled, compile_snapshot
from wayfork.engine.context import unit_id
from wayfork.engine.document import checksum_of, document_bytes, parse_snapshot, verify_checksum
from wayfork.engine.errors import ParseError
from wayfork.engine.evaluation import Evaluation
from wayfork.engine.problems import problems
from wayfork.engine.snapshot import (
    SCHEMA,
    STEPS,
    Allocation,
    Clause,
    FlagState,
    Holdout,
    Prerequisite,
    Rule,
    Segment,
    Serve,
    Snapshot,
    Split,
    Unit,
)
from wayfork.engine.trace import Step, Trace

__all__ = [
    "SCHEMA",
    "STEPS",
    "Allocation",
    "Clause",
    "Compiled",
    "Evaluation",
    "FlagState",
    "Holdout",
    "ParseError",
    "Prerequisite",
    "Rule",
    "Segment",
    "Serve",
    "Snapshot",
    "Split",
    "Step",
    "Trace",
    "Unit",
    "bucket",
    "checksum_of",
    "compile_snapshot",
    "document_bytes",
    "parse_snapshot",
    "problems",
    "reasons",
    "seed_of",
    "unit_id",
    "verify_checksum",
]
