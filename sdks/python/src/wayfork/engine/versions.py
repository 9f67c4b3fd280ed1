"""Version numbers, ordered as Semantic Versioning 2.0 orders them."""

import re
from functools import lru_cache
from typing import Final, TypeAlias

LONGEST_VERSION: Final = 256

# major, minor, patch, whether it is a release, and the pre-release identifiers: numbers sort before words.
Version: TypeAlias = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]

_COUNT: Final = r"(0|[1-9]\d*)"
_WORDS: Final = r"([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)"
_VERSION: Final = re.compile(
    rf"{_COUNT}(?:\.{_COUNT})?(?:\.{_COUNT})?(?:-{_WORDS})?(?:\+{_WORDS})?", re.ASCII
)


def read_version(value: object) -> Version | None:
    """A version, with missing minor and patch numbers as 0; None if the value is not one."""
    if not isinstance(value, str) or len(value) > LONGEST_VERSION:
        return None
    return _version_in(str.__str__(value))


@lru_cache(maxsize=4096)
def _version_in(text: str) -> Version | None:
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, words, _build = found.groups()
    identifiers = tuple(_identifier(word) for word in words.split(".")) if words else ()
    if None in identifiers:
        return None
    known = tuple(identifier for identifier in identifiers if identifier is not None)
    return int(major), int(minor or 0), int(patch or 0), words is None, known


def _identifier(word: str) -> tuple[int, int, str] | None:
    if not word.isdigit():
        return 1, 0, word
    return None if len(word) > 1 and word[0] == "0" else (0, int(word), "")
