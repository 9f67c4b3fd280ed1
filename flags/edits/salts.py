"""Salts and rule ids: made once, at random, when a rule or a split is made, and never again."""

import secrets
from collections.abc import Mapping


def fresh() -> str:
    """A new salt or id: 12 hexadecimal digits (48 bits)."""
    return secrets.token_hex(6)


def salted(given: Mapping[str, object]) -> dict[str, object]:
    """A split or an allocation that surely has a salt."""
    return {**given, "salt": given.get("salt") or fresh()}


def completed(rule: Mapping[str, object]) -> dict[str, object]:
    """A rule as an author wrote it, with id and salts filled in where missing."""
    full: dict[str, object] = {"name": "", "when": [], **rule, "id": rule.get("id") or fresh()}
    for part in ("allocation", "serve"):
        value = full.get(part)
        if isinstance(value, Mapping):
            full[part] = salted(value)
    if full.get("allocation", 0) is None:
        del full["allocation"]
    return full
