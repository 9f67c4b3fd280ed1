"""The two calls a sign-in makes behind the browser's back: code for tokens, token for claims."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from accounts import documents, outbound
from accounts.errors import DomainError
from accounts.oidc.refusals import Cause, ProviderUnreachable, SignInRefused

FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are at a provider."""

    client_id: str
    secret: str
    methods: tuple[str, ...] = ("client_secret_basic",)


def trade_code(address: str, client: Client, form: Mapping[str, str]) -> Mapping[str, Any]:
    """Hand in the code; the token endpoint's answer."""
    headers = {"Content-Type": FORM, "Accept": "application/json"}
    fields = dict(form)
    if not client.secret:
        fields["client_id"] = client.client_id
    elif "client_secret_basic" in client.methods:
        headers["Authorization"] = f"Basic {_basic(client)}"
    else:
        fields |= {"client_id": client.client_id, "client_secret": client.secret}
    reply = _send("POST", address, headers, urlencode(fields).encode())
    if reply.status >= 500:
        raise ProviderUnreachable(Cause.UNREACHABLE, f"the token endpoint answers {reply.status}")
    if reply.status != 200:
        raise SignInRefused(Cause.EXCHANGE_REFUSED, _said(reply))
    return _json_of(reply)


def read_userinfo(address: str, access_token: object) -> outbound.Reply:
    """What the provider says of the person to whoever holds this token."""
    if not isinstance(access_token, str) or not access_token.isascii():
        raise SignInRefused(Cause.BAD_ANSWER, "there is no access token")
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    reply = _send("GET", address, headers)
    if reply.status != 200:
        raise SignInRefused(Cause.BAD_ANSWER, f"userinfo answers with status {reply.status}")
    return reply


def claims_in(reply: outbound.Reply) -> Mapping[str, Any]:
    """Userinfo's JSON object."""
    return _json_of(reply)


def _send(
    method: str, address: str, headers: Mapping[str, str], body: bytes = b""
) -> outbound.Reply:
    try:
        return outbound.send(method, address, headers=dict(headers), body=body)
    except DomainError as error:
        raise ProviderUnreachable(Cause.UNREACHABLE, str(error)) from error


def _basic(client: Client) -> str:
    # RFC 6749, 2.3.1: both halves are form-encoded before they are joined.
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
    return base64.b64encode(pair.encode()).decode()


def _json_of(reply: outbound.Reply) -> Mapping[str, Any]:
    try:
        found = documents.read(reply.body)
    except documents.MalformedBody as error:
        raise SignInRefused(Cause.BAD_ANSWER, "no JSON that can be kept") from error
    if not isinstance(found, dict):
        raise SignInRefused(Cause.BAD_ANSWER, "no JSON object")
    return found


def _said(reply: outbound.Reply) -> str:
    """The provider's error code; its description may hold anything and is left out."""
    try:
        found = documents.read(reply.body)
    except documents.MalformedBody:
        found = None
    code = found.get("error") if isinstance(found, dict) else None
    return f"status {reply.status}, {str(code)[:60]}"
