"""Bucketing hashes: our own, and those of systems people are imported from with their buckets."""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import mmh3

from wayfork.engine.snapshot import STEPS

# From a unit's id to its bucket, in [0, STEPS); made once per salt.
Bucketer: TypeAlias = Callable[[str], int]

# Bytes and a seed, by position. Never mmh3.hash: given text with half a character in it (a lone
# surrogate, which JSON can carry) it takes the whole process down.
hash32: Final[Callable[[bytes, int], int]] = mmh3.mmh3_32_uintdigest
_UNLEASH_VARIANT_SEED: Final = 86_028_157
_FNV_BASIS: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_LAUNCHDARKLY_SCALE: Final = 0xFFFFFFFFFFFFFFF


class Hash(NamedTuple):
    """How one system buckets: whom a rollout reaches (`allocation`), and who gets what (`split`)."""

    allocation: Callable[[str], Bucketer]
    split: Callable[[str], Bucketer]


def repaired(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate becomes U+FFFD, as JavaScript's encoder does it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def murmur3(text: str, seed: int) -> int:
    """MurmurHash3 x86 32 bits of the text's UTF-8, unsigned."""
    try:
        return hash32(text.encode(), seed)
    except UnicodeEncodeError:
        return hash32(repaired(text).encode(), seed)


def seed_of(salt: str) -> int:
    """The seed a salt stands for."""
    return murmur3(salt, 0)


def bucket(seed: int, unit_id: str) -> int:
    """The unit's place among STEPS: multiplied and shifted, so that there is no modulo bias."""
    return murmur3(unit_id, seed) * STEPS >> 32


def native(salt: str) -> Bucketer:
    """Our own hash."""
    seed = seed_of(salt)
    return lambda unit_id: bucket(seed, unit_id)


def _bytes(text: str) -> bytes:
    return repaired(text).encode()


def _rollout_crc32(salt: str) -> Bucketer:
    # The gem compares with a share of 2**32 - 1, so the very last hash needs holding back.
    def place(unit_id: str) -> int:
        return min(zlib.crc32(_bytes(unit_id + salt)) * STEPS // 0xFFFFFFFF, STEPS - 1)

    return place


def _unleash(seed: int, divisions: int) -> Callable[[str], Bucketer]:
    def salted(salt: str) -> Bucketer:
        def place(unit_id: str) -> int:
            return murmur3(f"{salt}:{unit_id}", seed) % divisions * (STEPS // divisions)

        return place

    return salted


def _fnv1a(text: str) -> int:
    # Over UTF-16 code units, as the JavaScript SDK has it.
    units = text.encode("utf-16-le", "surrogatepass")
    value = _FNV_BASIS
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = ((value ^ (low | high << 8)) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def _growthbook_v1(salt: str) -> Bucketer:
    return lambda unit_id: _fnv1a(unit_id + salt) % 1000 * 100


def _growthbook_v2(salt: str) -> Bucketer:
    return lambda unit_id: _fnv1a(str(_fnv1a(salt + unit_id))) % 10_000 * 10


def _flagsmith_md5(salt: str) -> Bucketer:
    def place(unit_id: str) -> int:
        text = _bytes(f"{salt},{unit_id}")
        repeated = text
        # The very top of the scale is hashed again, over one more repetition.
        while (step := int.from_bytes(_md5(repeated), "big") % 9999) == 9998:
            repeated += text
        return step * STEPS // 9998

    return place


def _launchdarkly_sha1(salt: str) -> Bucketer:
    def place(unit_id: str) -> int:
        digest = hashlib.sha1(_bytes(f"{salt}.{unit_id}"), usedforsecurity=False).hexdigest()
        return min(int(digest[:15], 16) * STEPS // _LAUNCHDARKLY_SCALE, STEPS - 1)

    return place


def _statsig(divisions: int) -> Callable[[str], Bucketer]:
    def salted(salt: str) -> Bucketer:
        def place(unit_id: str) -> int:
            digest = hashlib.sha256(_bytes(f"{salt}.{unit_id}")).digest()
            return int.from_bytes(digest[:8], "big") % divisions * (STEPS // divisions)

        return place

    return salted


def _eppo_md5(salt: str) -> Bucketer:
    def place(unit_id: str) -> int:
        return int.from_bytes(_md5(_bytes(f"{salt}-{unit_id}"))[:4], "big") % 10_000 * 10

    return place


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _same(salted: Callable[[str], Bucketer]) -> Hash:
    return Hash(allocation=salted, split=salted)


NATIVE: Final = _same(native)

HASHES: Final[Mapping[str, Hash]] = {
    "rollout-crc32": _same(_rollout_crc32),
    "unleash-murmur3": Hash(
        allocation=_unleash(0, 100), split=_unleash(_UNLEASH_VARIANT_SEED, 1000)
    ),
    "growthbook-fnv1a-v1": _same(_growthbook_v1),
    "growthbook-fnv1a-v2": _same(_growthbook_v2),
    "flagsmith-md5": _same(_flagsmith_md5),
    "launchdarkly-sha1": _same(_launchdarkly_sha1),
    "statsig-sha256": Hash(allocation=_statsig(10_000), split=_statsig(1000)),
    "eppo-md5": _same(_eppo_md5),
}
