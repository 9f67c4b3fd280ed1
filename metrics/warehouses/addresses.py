"""Which network addresses a team's database may have: a name is resolved once, judged, and pinned."""

import ipaddress
import socket
from typing import Final

from metrics.warehouses.connections import Policy
from metrics.warehouses.errors import ForbiddenAddress, UnknownHost

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Link-local addresses and the other places where clouds answer with credentials.
METADATA: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "168.63.129.16/32",
    )
)
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def resolve(host: str, port: int, policy: Policy) -> str:
    """The one numeric address to connect to. Every answer of the name server must be allowed."""
    _check_shape(host, port)
    addresses = _lookup(host, port)
    for address in addresses:
        for judged in (address, *_embedded(address)):
            _judge(host, judged, policy)
    return str(addresses[0])


def _check_shape(host: str, port: int) -> None:
    if not host or host[0] in "/@.-" or any(ch in host for ch in ",/\\?#= \t\r\n\0"):
        raise ForbiddenAddress(
            f"“{host[:100]}” is not a host name or an address.",
            hint="Give one host name or address; sockets, lists and connection strings are refused.",
        )
    if not 1 <= port <= 65_535:
        raise ForbiddenAddress(f"{port} is not a port.", hint="Ports go from 1 to 65535.")


def _lookup(host: str, port: int) -> list[Address]:
    name = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise UnknownHost(f"The host “{host}” cannot be found.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    # IPv4 first: a name like localhost often answers ::1 first while servers listen on 127.0.0.1.
    return sorted(dict.fromkeys(addresses), key=lambda address: address.version)


def _embedded(address: Address) -> list[Address]:
    """IPv4 addresses that hide inside an IPv6 one: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner: list[Address] = []
    if address.ipv4_mapped:
        inner.append(address.ipv4_mapped)
    if address.sixtofour:
        inner.append(address.sixtofour)
    if address.teredo:
        inner.extend(address.teredo)
    if address in NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if int(address) >> 32 == 0 and int(address) > 1:  # the old "IPv4-compatible" form
        inner.append(ipaddress.IPv4Address(int(address)))
    return inner


def _judge(host: str, address: Address, policy: Policy) -> None:
    if any(address in network for network in METADATA) or address.is_link_local:
        raise ForbiddenAddress(
            f"“{host}” leads to {address}, a link-local or metadata address; these are never allowed."
        )
    if address.is_multicast or address.is_unspecified or _is_reserved(address):
        raise ForbiddenAddress(f"“{host}” leads to {address}, which is no server's address.")
    if not policy.allow_private and not address.is_global:
        raise ForbiddenAddress(
            f"“{host}” leads to {address}, a private address; this installation allows public ones only.",
            hint="Ask the operator about WAYFORK_EVENT_PRIVATE_HOSTS.",
        )


def _is_reserved(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # Python calls the mapped and NAT64 ranges reserved; what they hide is judged by itself.
        return address.is_reserved and not (
            address.ipv4_mapped or address in NAT64 or address.is_loopback
        )
    return address.is_reserved or address in ipaddress.ip_network("0.0.0.0/8")
