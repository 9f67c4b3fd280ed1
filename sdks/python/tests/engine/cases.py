"""The language-neutral cases of sdks/conformance."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wayfork.engine import Compiled, Evaluation, compile_snapshot, parse_snapshot

FOLDER = Path(__file__).resolve().parents[3] / "conformance"
EVALUATIONS = ("evaluation-operators.json", "evaluation-order.json", "evaluation-shares.json")


def load(name: str) -> dict[str, Any]:
    """One file of cases."""
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def compiled(file: Mapping[str, Any]) -> dict[str, Compiled]:
    """The snapshots of one file, ready."""
    return {
        name: compile_snapshot(parse_snapshot(document))
        for name, document in file["snapshots"].items()
    }


def told(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation in the words of the cases."""
    return {
        "value": evaluation.value,
        "variation": evaluation.variation,
        "reason": evaluation.reason,
        "rule": evaluation.rule,
        "bucket": evaluation.bucket,
        "experiment": evaluation.experiment,
        "errorCode": evaluation.error_code,
    }
