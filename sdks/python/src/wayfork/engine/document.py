"""The snapshot as a document: canonical bytes, their checksum, and the lenient reader SDKs use."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NoReturn

from wayfork.engine.errors import ParseError
from wayfork.engine.reading import read_field, read_members, read_object
from wayfork.engine.snapshot import FlagState, Holdout, Segment, Snapshot

# Canonical JSON sorts its keys, so the document's own checksum is its very first member.
_CHECKSUM: Final = re.compile(rb'\A\{"checksum":"([0-9a-f]{64})?"')
_EMPTY: Final = b'{"checksum":""'


def parse_snapshot(document: bytes | Mapping[str, object]) -> Snapshot:
    """Read a snapshot; a broken flag, segment or holdout is set aside under `broken`, not raised.

    Raises ParseError when the document as a whole cannot be used.
    """
    fields = read_object(_decode(document), "")
    frame = Snapshot.from_json({**fields, "flags": {}, "segments": {}, "holdouts": {}})
    flags = read_field(fields, "flags", "")
    broken: dict[str, str] = {}
    return replace(
        frame,
        flags=read_members(flags, "flags", FlagState.from_json, broken),
        segments=read_members(fields.get("segments", {}), "segments", Segment.from_json, broken),
        holdouts=read_members(fields.get("holdouts", {}), "holdouts", Holdout.from_json, broken),
        broken=broken,
    )


def _decode(document: bytes | Mapping[str, object]) -> object:
    if isinstance(document, Mapping):
        return document
    try:
        decoded: object = json.loads(document.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ParseError("", f"is not UTF-8 text: {error}") from error
    except RecursionError as error:
        raise ParseError("", "is nested too deeply") from error
    except ValueError as error:
        raise ParseError("", f"is not JSON: {error}") from error
    return decoded


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def document_bytes(snapshot: Snapshot) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, with the checksum filled in."""
    return sealed(snapshot.to_json())


def sealed(document: Mapping[str, object]) -> bytes:
    """The bytes of a document that was written by `to_json`, whatever checksum it names."""
    written = canonical_json({**document, "checksum": ""})
    filled = f'{{"checksum":"{hashlib.sha256(written).hexdigest()}"'.encode()
    return filled + written[len(_EMPTY) :]


def canonical_json(value: object) -> bytes:
    """One form for equal values; ValueError for what JSON cannot say (NaN, lone surrogates)."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def checksum_of(document: bytes) -> str:
    """SHA-256 of the document's own bytes with the checksum's value left empty."""
    found = _CHECKSUM.match(document)
    digest = hashlib.sha256(_EMPTY if found else b"")
    digest.update(memoryview(document)[found.end() if found else 0 :])
    return digest.hexdigest()


def verify_checksum(document: bytes) -> bool:
    """Whether the checksum the document names is its own."""
    found = _CHECKSUM.match(document)
    return bool(found and found[1] and found[1].decode() == checksum_of(document))
