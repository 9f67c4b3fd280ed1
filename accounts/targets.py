"""Which addresses may be called: read strictly, resolved once, and judged before any connection."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings

from accounts.errors import DomainError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CONNECT_SECONDS: Final = 3.0
LONGEST_URL: Final = 2_000
PORTS: Final = frozenset({443, 8443})
USUAL_PORTS: Final = {"https": 443, "http": 80}
# What may stand in a path or a query as it is; everything else is percent-encoded.
PLAIN: Final = "!#$%&'()*+,/:;=?@[]~"
HOST_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# The last label of a name is never a number: such things are addresses in disguise.
NUMBER: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")


def _networks(texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts.split())


# Where clouds answer with credentials: refused whatever the operator allows.
METADATA: Final = _networks(
    "169.254.0.0/16 fe80::/10 fd00:ec2::/32 100.100.100.200/32 192.0.0.192/32 168.63.129.16/32"
)
# What Python's tables take for public, or took in some of its versions.
NOT_PUBLIC: Final = _networks(
    "192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.175.48.0/24"
    " ::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/32 2001::/23 2002::/16"
    " 2620:4f:8000::/48 3fff::/20 5f00::/16 fec0::/10"
)
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE: Final = ipaddress.ip_network("::/96")


class Refused(DomainError):
    """The address is not one this installation calls."""

    code = "outbound_refused"
    hint = "Give the https address of a public host, without user name or password."


class Unreachable(DomainError):
    """The address may be called, but no whole answer came."""

    code = "outbound_unreachable"
    hint = "Check the address, and that the receiver can be reached from the internet."


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was read, resolved and found allowed: connections go to `address` alone."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == USUAL_PORTS[self.scheme] else f"{host}:{self.port}"


def check(url: str) -> Target:
    """Read, resolve and judge an address: when it is saved, tested and called."""
    scheme, host, port, path = _read(url)
    addresses = [_judged(address) for address in _addresses(host, port)]
    ours = all(_is_allowed_by_operator(address) for address in addresses)
    if scheme == "http" and not ours:
        raise Refused("Only https addresses are called.")
    if port not in PORTS and not ours:
        raise Refused(
            f"Port {port} is not called.", hint="Use port 443 (or 8443), or leave the port out."
        )
    return Target(scheme, host, port, path, str(addresses[0]))


def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the name server: the network's edge, which tests replace."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


# --- reading


def _read(url: str) -> tuple[str, str, int, str]:
    if len(url) > LONGEST_URL:
        raise Refused(f"An address has at most {LONGEST_URL:,} characters.")
    if any(not character.isprintable() or character in ' \\"<>^`{|}' for character in url):
        raise Refused("The address holds a character that none may hold.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("This cannot be read as an address.") from error
    if parts.scheme not in USUAL_PORTS:
        raise Refused("Only https addresses are called.")
    if port == 0:
        raise Refused("0 is not a port.")
    if "[" in parts.netloc and ":" not in host:
        raise Refused("Only addresses of IPv6 stand in brackets.")
    if "@" in parts.netloc:
        raise Refused("An address that is called holds no user name and no password.")
    query = f"?{parts.query}" if parts.query else ""
    path = quote((parts.path or "/") + query, safe=PLAIN)
    return parts.scheme, _plain_host(host), port or USUAL_PORTS[parts.scheme], path


def _plain_host(host: str) -> str:
    """The host in one spelling: ASCII, lower case, no dot at the end, addresses in full."""
    if "%" in host:
        raise Refused("The address names a network interface or an encoded host.")
    if ":" in host:
        return str(_as_address(host))
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise Refused("The host is not a name that can be looked up.") from error
    name = name.lower().removesuffix(".")
    if NUMBER.fullmatch(name.rpartition(".")[2]):
        return str(_as_address(name))
    if len(name) > 253 or not HOST_NAME.fullmatch(name):
        raise Refused("The host is not a name that can be looked up.")
    return name


def _as_address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise Refused("The host is neither a name nor an address in its usual form.") from None


# --- resolving and judging

_NAMES: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="outbound-names")


def _addresses(host: str, port: int) -> list[Address]:
    """Every answer of the name server, IPv4 first; asked in a thread, for it knows no deadline."""
    try:
        answers = _NAMES.submit(look_up, host, port).result(CONNECT_SECONDS)
    except (TookTooLong, OSError, UnicodeError) as error:
        raise Unreachable(f"The host {host} cannot be found.") from error
    found = [_as_address(answer.partition("%")[0]) for answer in answers]
    if not found:
        raise Unreachable(f"The host {host} cannot be found.")
    return sorted(dict.fromkeys(found), key=lambda address: address.version)


def _judged(address: Address) -> Address:
    """The address, if it may be called. One bad answer among good ones spoils all: the next
    question might be answered with that one. Which address it is stays untold: names of a private
    network are nobody's business."""
    for one in (address, *_embedded(address)):
        if one.is_multicast or one.is_unspecified or any(one in network for network in METADATA):
            raise Refused("The host leads to an address that is never called.")
        if not _is_public(one) and not _is_allowed_by_operator(one):
            raise Refused(
                "The host leads to a private or reserved address.",
                hint="Use a public host, or ask the operator about WAYFORK_OUTBOUND_ALLOW.",
            )
    return address


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_reserved
        and not any(address in network for network in NOT_PUBLIC)
    )


def _is_allowed_by_operator(address: Address) -> bool:
    return any(address in ipaddress.ip_network(text) for text in settings.OUTBOUND_ALLOW)


def _embedded(address: Address) -> list[Address]:
    """IPv4 addresses that hide inside an IPv6 one: mapped, 6to4, Teredo, NAT64, compatible."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    inner.extend(address.teredo or ())
    is_compatible = address in COMPATIBLE and int(address) > 1
    if address in NAT64 or is_compatible:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None]
