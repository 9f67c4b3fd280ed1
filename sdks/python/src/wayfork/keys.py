"""What credentials look like: made and checked here, by the server and the SDK alike."""

import base64
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

SERVER: Final = "srv"
CLIENT: Final = "cli"
MANAGEMENT: Final = "mgt"
SDK_KINDS: Final = (SERVER, CLIENT)

_RANDOM_BYTES: Final = 20
_TAIL: Final = 38
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ENVIRONMENT: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
_SECRET: Final = re.compile(r"[a-z2-7]*", re.ASCII)


class MalformedKey(ValueError):
    """Text that cannot be a key; `hint` says what to do about it. The text itself is never shown."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Key:
    """What a key says about itself; a management token belongs to no environment."""

    kind: str
    environment: str | None


def make(kind: str, environment: str | None) -> str:
    """A new key: 160 random bits, and a checksum so that a mistyped one is told from a revoked one."""
    if kind not in (*SDK_KINDS, MANAGEMENT):
        raise ValueError(f"there is no kind of key {kind!r}")
    if (environment is None) != (kind == MANAGEMENT):
        raise ValueError("SDK keys name an environment, management tokens none")
    if environment is not None and not _ENVIRONMENT.fullmatch(environment):
        raise ValueError("an environment's key holds a-z, 0-9 and - only")
    random = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()
    head = "_".join(part for part in (kind, environment, random) if part is not None)
    return head + _check(head)


def parse(text: str) -> Key:
    """Read a key of any kind; raises MalformedKey."""
    _refuse_decoration(text)
    kind, *rest = text.split("_")
    if kind not in (*SDK_KINDS, MANAGEMENT):
        raise MalformedKey(
            "This is not a Wayfork key.", "Keys begin with srv_, cli_ or mgt_; copy the whole key."
        )
    if len(rest) != (1 if kind == MANAGEMENT else 2):
        raise MalformedKey("The key is incomplete.", "Copy the whole key, from the first letter.")
    environment = None if kind == MANAGEMENT else rest[0]
    if environment is not None and not _ENVIRONMENT.fullmatch(environment):
        raise MalformedKey("The key names no environment.", "Copy the whole key again.")
    _check_secret(text, rest[-1])
    return Key(kind, environment)


def parse_sdk_key(text: str) -> Key:
    """Read a key an SDK can connect with; a management token is refused by name."""
    key = parse(text)
    if key.kind == MANAGEMENT:
        raise MalformedKey(
            "This is a management token, which SDKs do not take.",
            "Use the environment's server key (srv_) and keep the token for the REST API.",
        )
    return key


def _refuse_decoration(text: str) -> None:
    if not text:
        raise MalformedKey("The key is empty.", "Set WAYFORK_KEY, or pass the key.")
    if text != text.strip() or any(character.isspace() for character in text):
        raise MalformedKey(
            "The key contains spaces or line breaks.", "Paste it again without them."
        )
    if text[0] in "\"'`" or text[-1] in "\"'`":
        raise MalformedKey("The key is wrapped in quotes.", "Leave the quotes out.")
    if text.lower().startswith("bearer"):
        raise MalformedKey("The key starts with «Bearer».", "Pass the key alone.")


def _check_secret(text: str, secret: str) -> None:
    if len(secret) < _TAIL:
        raise MalformedKey("The key is cut short.", "Copy it again to its very end.")
    if len(secret) > _TAIL:
        raise MalformedKey("The key is too long.", "Copy it again without what follows it.")
    if not _SECRET.fullmatch(secret) or _check(text[:-6]) != text[-6:]:
        raise MalformedKey(
            "The key is mistyped: its checksum does not match.", "Copy it again, do not retype it."
        )


def _check(head: str) -> str:
    bits = zlib.crc32(head.encode("utf-8", "surrogatepass"))
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(25, -1, -5))
