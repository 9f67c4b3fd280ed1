"""Reads what a provider publishes about itself: its document and its keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from accounts import documents, outbound
from accounts.errors import DomainError, InvalidInput
from accounts.oidc.keys import ALGORITHMS
from accounts.oidc.refusals import Cause, ProviderUnreachable

WELL_KNOWN: Final = "/.well-known/openid-configuration"
NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
ADDRESSES: Final = (*NEEDED, "userinfo_endpoint", "end_session_endpoint")
# The rest of a document is of no use here and may be long.
LISTS: Final = (
    "scopes_supported",
    "acr_values_supported",
    "response_types_supported",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
)
KEPT: Final = (
    "issuer",
    *ADDRESSES,
    *LISTS,
    "authorization_response_iss_parameter_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
)
# How we can show who we are at the token endpoint.
AUTH_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post", "none"})
LONGEST_ADDRESS: Final = 400


class CannotDiscover(InvalidInput):
    """The issuer does not describe itself in a way that can be used."""

    code = "cannot_discover"
    hint = "Copy the issuer exactly as your provider names it, with or without the last slash."


@dataclass(frozen=True, slots=True)
class Discovered:
    """What discovery found, cut down to what is used."""

    document: Mapping[str, Any]
    keys: tuple[Mapping[str, Any], ...]

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Signing methods both sides know."""
        return algorithms_of(self.document)


def algorithms_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Signing methods of a document that we accept, in the provider's order."""
    offered = document.get("id_token_signing_alg_values_supported")
    if not isinstance(offered, list):
        return ("RS256",)
    return tuple(name for name in offered if isinstance(name, str) and name in ALGORITHMS)


def read(issuer: str) -> Discovered:
    """Ask the issuer for its document and its keys; CannotDiscover says what is wrong."""
    _check_issuer(issuer)
    document = _document(issuer.rstrip("/") + WELL_KNOWN)
    if document.get("issuer") != issuer:
        said = str(document.get("issuer"))[:LONGEST_ADDRESS]
        raise CannotDiscover(f"The provider calls itself {said!r}, not {issuer!r}.")
    _check_endpoints(issuer, document)
    _check_abilities(document)
    kept = {name: document[name] for name in KEPT if document.get(name) is not None}
    return Discovered(kept, tuple(_keys_of(_document(str(document["jwks_uri"])))))


def read_keys(address: str) -> list[Mapping[str, Any]]:
    """The keys a provider publishes now."""
    try:
        return _keys_of(_document(address))
    except (CannotDiscover, DomainError) as error:
        raise ProviderUnreachable(Cause.UNREACHABLE, str(error)) from error


def _check_issuer(issuer: str) -> None:
    parts = _split(issuer)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise CannotDiscover("The issuer must be an address that begins with https://.")


def _document(address: str) -> Mapping[str, Any]:
    try:
        reply = outbound.send("GET", address, headers={"Accept": "application/json"})
    except DomainError as error:
        raise CannotDiscover(f"{error}", hint=error.hint) from error
    if reply.status != 200:
        raise CannotDiscover(f"{address} answers with status {reply.status}.")
    try:
        found = documents.read(reply.body)
    except documents.MalformedBody as error:
        raise CannotDiscover(f"{address} does not answer with JSON that can be kept.") from error
    if not isinstance(found, dict):
        raise CannotDiscover(f"{address} does not answer with a JSON object.")
    return found


def _check_endpoints(issuer: str, document: Mapping[str, Any]) -> None:
    allowed = {"https"} if issuer.startswith("https://") else {"https", "http"}
    for name in ADDRESSES:
        value = document.get(name)
        if value is None and name not in NEEDED:
            continue
        if not isinstance(value, str) or len(value) > LONGEST_ADDRESS or not value.isprintable():
            raise CannotDiscover(f"The provider's {name} is missing or no address.")
        if _split(value).scheme not in allowed:
            raise CannotDiscover(f"The provider's {name} is not reached by https.")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise CannotDiscover(f"{address[:LONGEST_ADDRESS]!r} is no address.") from error


def _check_abilities(document: Mapping[str, Any]) -> None:
    lists = {name: _names(document, name) for name in LISTS}
    types = lists["response_types_supported"]
    if types is not None and "code" not in types:
        raise CannotDiscover("The provider does not offer the authorization code flow.")
    methods = lists["token_endpoint_auth_methods_supported"]
    if methods is not None and not AUTH_METHODS & set(methods):
        raise CannotDiscover("The provider accepts no client secret.")
    if not algorithms_of(document):
        raise CannotDiscover("The provider signs by no method that is accepted here.")


def _names(document: Mapping[str, Any], name: str) -> list[str] | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise CannotDiscover(f"The provider's {name} is no list of names.")
    return value


def _keys_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise CannotDiscover("The provider publishes no keys.")
    return [key for key in keys if isinstance(key, dict)]
