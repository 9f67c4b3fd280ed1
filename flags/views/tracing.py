"""The steps of an evaluation in words: what was found, what was expected, which bucket it fell in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.views.sentences import OPERATORS, Operator
from wayfork.engine import STEPS, Step, Trace

TITLES: Final[Mapping[str, Any]] = {
    "enabled": lazy("Is the flag on?"),
    "assignment": lazy("Has this %(name)s a variation of its own?"),
    "prerequisite": lazy("Does %(name)s allow it?"),
    "holdout": lazy("Is it outside holdout %(name)s?"),
    "rule": lazy("Rule %(name)s"),
    "fallthrough": lazy("Everyone else"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One check within a step; `passed` is None where nothing could fail."""

    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class ToldStep:
    """A step as the page shows it. The last one decided."""

    title: str
    passed: bool | None
    detail: str
    lines: tuple[Line, ...]
    decides: bool


def told_steps(trace: Trace) -> list[ToldStep]:
    """Every step of a trace, in order."""
    last = len(trace.steps) - 1
    rules = 0
    told = []
    for place, step in enumerate(trace.steps):
        rules += step.kind == "rule"
        name = (
            (f"{rules} · {step.name}" if step.name else str(rules))
            if step.kind == "rule"
            else step.name
        )
        title = str(TITLES.get(step.kind, step.kind)) % {"name": name}
        told.append(ToldStep(title, step.passed, step.detail, tuple(_lines(step)), place == last))
    return told


def _lines(step: Step) -> list[Line]:
    data: Mapping[str, Any] = step.data
    lines = [_clause(clause) for clause in data.get("clauses", ())]
    if step.kind == "prerequisite":
        expected = " / ".join(data["expected"])
        text = _("serves %(actual)s, expected %(expected)s")
        actual = data["actual"] or _("nothing")
        lines.append(Line(step.passed, text % {"actual": actual, "expected": expected}))
    if step.kind == "holdout":
        lines.append(_allocation(data, inside=False))
    if "allocation" in data:
        lines.append(_allocation(data["allocation"], inside=True))
    split = data.get("split", data if "edges" in data else None)
    if split:
        lines.append(_split(split))
    return lines


def _clause(clause: Mapping[str, Any]) -> Line:
    operator = OPERATORS.get(clause["op"], Operator(clause["op"], f"not {clause['op']}"))
    words = str(operator.negated if clause["negate"] else operator.label)
    expected = ", ".join(_said(value) for value in list(clause["expected"])[:6])
    if not clause["attribute"]:
        return Line(clause["passed"], f"{words} {expected}")
    asked = f"{clause['attribute']} {words} {expected}".strip()
    actual = _("missing") if clause["actual"] is None else _said(clause["actual"])
    return Line(
        clause["passed"], _("%(asked)s: it is %(actual)s") % {"asked": asked, "actual": actual}
    )


def _said(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _allocation(data: Mapping[str, Any], *, inside: bool) -> Line:
    bucket, ranges = data["bucket"], data["ranges"]
    if bucket is None:
        return Line(None, _("no %(unit)s in the context, so no bucket") % {"unit": data["unit"]})
    within = any(low <= bucket < high for low, high in ranges)
    text = _("bucket %(bucket)s of %(steps)s against %(ranges)s, by %(unit)s")
    given = {
        "bucket": f"{bucket:,}",
        "steps": f"{STEPS:,}",
        "ranges": _ranges(ranges),
        "unit": f"{data['unit']} {data['unitId']}",
    }
    return Line(within == inside, text % given)


def _ranges(ranges: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"{low:,} to {high:,}" for low, high in ranges) or _("nothing")


def _split(data: Mapping[str, Any]) -> Line:
    bucket = data["bucket"]
    if bucket is None:
        return Line(False, _("no %(unit)s in the context, so no bucket") % {"unit": data["unit"]})  # noqa: FBT003 - the field's value
    low, parts = 0, []
    for name, high in data["edges"]:
        parts.append(f"{name} {low:,} to {high:,}")
        low = high
    text = _("bucket %(bucket)s of %(steps)s in %(parts)s, by %(unit)s")
    given = {
        "bucket": f"{bucket:,}",
        "steps": f"{STEPS:,}",
        "parts": "; ".join(parts),
        "unit": f"{data['unit']} {data['unitId']}",
    }
    return Line(None, text % given)
