"""Typed readers of environment variables that refuse nonsense and read `NAME_FILE` secrets."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def text(name: str, default: str = "") -> str:
    """The variable, or the content of the file that `NAME_FILE` names, or the default."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read") from error
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    """A switch: 1/true/yes/on or 0/false/no/off."""
    given = text(name, "1" if default else "0").strip().lower()
    if given in _TRUE:
        return True
    if given in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {given!r}")


def number(name: str, default: int) -> int:
    """A whole number."""
    given = text(name, str(default)).strip()
    try:
        return int(given)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {given!r}") from None


def names(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]
