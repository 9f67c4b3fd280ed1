"""Everything that can be set about a client, in one frozen place."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self, TypedDict

DEFAULT_URL: Final = "http://127.0.0.1:8000"

# Below these a client would run in circles.
LEAST: Final[Mapping[str, float]] = {
    "poll_interval": 0.05,
    "init_timeout": 0.0,
    "request_timeout": 0.1,
    "idle_timeout": 0.1,
    "stale_after": 0.0,
    "flush_interval": 0.01,
    "max_snapshot_bytes": 0,
    "max_queued_events": 1,
}

ErrorListener = Callable[[Exception], None]
Bootstrap = Mapping[str, object] | bytes | str | Path


class OptionArguments(TypedDict, total=False):
    """The options as keyword arguments, for type checkers."""

    app: str
    stream: bool
    poll_interval: float
    init_timeout: float
    request_timeout: float
    idle_timeout: float
    stale_after: float
    snapshot_path: str | Path | None
    bootstrap: Bootstrap | None
    offline: bool
    max_snapshot_bytes: int
    events: bool
    flush_interval: float
    max_queued_events: int
    private: Collection[str]
    allow_attributes: Collection[str]
    dimensions: Collection[str]
    sample_contexts: bool
    on_error: ErrorListener | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a client; docs/reference/python-sdk.md explains each."""

    url: str = DEFAULT_URL
    app: str = ""
    stream: bool = True
    poll_interval: float = 30.0
    init_timeout: float = 2.0
    request_timeout: float = 3.0
    idle_timeout: float = 60.0
    stale_after: float = 300.0
    snapshot_path: str | Path | None = None
    bootstrap: Bootstrap | None = None
    offline: bool = False
    max_snapshot_bytes: int = 4 * 1024 * 1024
    events: bool = True
    flush_interval: float = 1.0
    max_queued_events: int = 10_000
    private: Collection[str] = ()
    allow_attributes: Collection[str] = ()
    dimensions: Collection[str] = ()
    sample_contexts: bool = True
    on_error: ErrorListener | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise TypeError("url must be a string")
        for name, least in LEAST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number")
            # Not-a-number fails every comparison, and becomes the least too.
            if not value >= least:
                object.__setattr__(self, name, least)

    @classmethod
    def names(cls) -> frozenset[str]:
        """Every option there is."""
        return frozenset(field.name for field in fields(cls))

    @classmethod
    def given(cls, options: Mapping[str, object]) -> Self:
        """Options from keyword arguments; an unknown name is a TypeError that lists the known ones."""
        unknown = sorted(set(options) - cls.names())
        if unknown:
            known = ", ".join(sorted(cls.names()))
            raise TypeError(f"unknown option {', '.join(unknown)}; the options are: {known}")
        return cls(**options)  # type: ignore[arg-type]  # names checked above, values by the caller's types

    @property
    def base(self) -> str:
        """The server's address without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def shared_attributes(self) -> tuple[str, ...]:
        """The attributes an exposure may carry: those chosen, less those that are private."""
        chosen = dict.fromkeys([*self.dimensions, *self.allow_attributes])
        return tuple(name for name in chosen if name not in self.private)


def from_environment() -> tuple[str, dict[str, object]]:
    """The key and the options that environment variables give."""
    options: dict[str, object] = {}
    for name, option in (
        ("WAYFORK_URL", "url"),
        ("WAYFORK_APP", "app"),
        ("WAYFORK_SNAPSHOT_PATH", "snapshot_path"),
        ("WAYFORK_BOOTSTRAP", "bootstrap"),
    ):
        if os.environ.get(name):
            options[option] = os.environ[name]
    if os.environ.get("WAYFORK_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}:
        options["offline"] = True
    return os.environ.get("WAYFORK_KEY", "").strip(), options
