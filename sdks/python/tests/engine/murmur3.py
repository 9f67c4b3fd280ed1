"""MurmurHash3 x86 32 bits, written from its description: what the engine's own hash is checked by."""

MASK = 0xFFFFFFFF


def murmur3(data: bytes, seed: int) -> int:
    """The hash of some bytes, unsigned."""
    mixed = seed
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        mixed ^= _scramble(int.from_bytes(data[start : start + 4], "little"))
        mixed = (_rotate(mixed, 13) * 5 + 0xE6546B64) & MASK
    mixed ^= _scramble(int.from_bytes(data[whole:], "little"))
    mixed ^= len(data)
    mixed = ((mixed ^ mixed >> 16) * 0x85EBCA6B) & MASK
    mixed = ((mixed ^ mixed >> 13) * 0xC2B2AE35) & MASK
    return mixed ^ mixed >> 16


def bucket(salt: str, unit_id: str) -> int:
    """A unit's place among 100,000."""
    seed = murmur3(salt.encode(), 0)
    return murmur3(unit_id.encode(), seed) * 100_000 >> 32


def _scramble(block: int) -> int:
    return _rotate(block * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK


def _rotate(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & MASK
