"""Who is speaking: the key, the SDK's version, this process; sent along with every request."""

import os
from dataclasses import dataclass, field

from wayfork import __version__


def fresh_id() -> str:
    """A random UUID (version 4), without the cost of importing `uuid`."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(frozen=True, slots=True)
class Identity:
    """One process's identity; a forked child gets another instance id."""

    key: str = field(repr=False)
    app: str
    instance: str = field(default_factory=fresh_id)

    def headers(self) -> dict[str, str]:
        """The headers of every request; the key travels in a header, never in an address."""
        named = {
            "Authorization": f"Bearer {self.key}",
            "User-Agent": f"wayfork-python/{__version__}",
            "Wayfork-SDK": f"python/{__version__}",
            "Wayfork-Instance": self.instance,
        }
        if self.app:
            named["Wayfork-App"] = self.app.encode("ascii", "replace").decode()
        return named

    def to_json(self) -> dict[str, str]:
        """What a batch of events says about its sender."""
        told = {"name": "python", "version": __version__, "instance": self.instance}
        return {**told, "app": self.app} if self.app else told
