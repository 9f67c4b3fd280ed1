"""Internet addresses and networks as plain integers."""

import ipaddress
import re
from functools import lru_cache
from typing import Final, TypeAlias

LONGEST_ADDRESS: Final = 64

# Bits of the family (32 or 128), and the number.
Address: TypeAlias = tuple[int, int]
# Bits of the family, how far to shift an address, and what must be left.
Network: TypeAlias = tuple[int, int, int]

_PREFIX: Final = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
_MAPPED: Final = 0xFFFF


def read_address(value: object) -> Address | None:
    """An IPv4 or IPv6 address; one mapped into IPv6 (::ffff:1.2.3.4) counts as the IPv4 address."""
    if not isinstance(value, str) or len(value) > LONGEST_ADDRESS:
        return None
    found = _address_in(str.__str__(value))
    if found is None or found[0] == 32 or found[1] >> 32 != _MAPPED:
        return found
    return 32, found[1] & 0xFFFFFFFF


def read_network(value: object) -> Network | None:
    """A network in CIDR notation, or a single address; bits beyond the prefix are ignored."""
    if not isinstance(value, str) or len(value) > LONGEST_ADDRESS:
        return None
    text, slash, prefix = str.__str__(value).partition("/")
    found = _address_in(text)
    if found is None or (slash and not _PREFIX.fullmatch(prefix)):
        return None
    bits, number = found
    length = int(prefix) if slash else bits
    if length > bits:
        return None
    if bits == 128 and length >= 96 and number >> 32 == _MAPPED:
        bits, number, length = 32, number & 0xFFFFFFFF, length - 96
    return bits, bits - length, number >> (bits - length)


@lru_cache(maxsize=4096)
def _address_in(text: str) -> Address | None:
    if "%" in text or not text.isascii():
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.max_prefixlen, int(address)
