"""Reads the TXT records by which a domain says whose it is."""

from typing import Final

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from django.conf import settings

from accounts.errors import DomainError

PATIENCE_SECONDS: Final = 5.0
# Before the token in a record.
PREFIX: Final = "wayfork-verification="


class CannotLookUp(DomainError):
    """No name server answered."""

    code = "cannot_look_up"
    status = 503
    hint = "Try again in a few minutes; name servers are sometimes slow to learn of a record."


def is_published(domain: str, token: str) -> bool:
    """Whether the domain carries the record with this token."""
    return f"{PREFIX}{token}" in texts(domain)


def texts(domain: str) -> list[str]:
    """The domain's TXT records; CannotLookUp when nobody answers."""
    try:
        answer = _resolver().resolve(dns.name.from_text(domain), "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise CannotLookUp(f"The records of {domain} cannot be looked up just now.") from error
    return [b"".join(record.strings).decode("utf-8", "replace").strip() for record in answer]


def _resolver() -> dns.resolver.Resolver:
    """The machine's own name servers, or those the operator names (`address` or `address:port`)."""
    resolver = dns.resolver.Resolver(configure=not settings.DNS_SERVERS)
    resolver.lifetime = PATIENCE_SECONDS
    if settings.DNS_SERVERS:
        resolver.nameservers = [_server(text) for text in settings.DNS_SERVERS]
    return resolver


def _server(text: str) -> dns.nameserver.Do53Nameserver:
    address, _colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "53")
    return dns.nameserver.Do53Nameserver(address, int(port))
