"""Every page of allauth that can be reached is one of ours, in our layout and our words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.accounts.local.people import confirm, give_factor, sign_in, sign_in_with_code
from tests.world.cast import World

OURS = str(Path(settings.BASE_DIR, "templates"))
PREFIX = "accounts/"
ADDRESSES = {
    "<int:pk>": "{passkey}",
    "(?P<key>[-:\\w]+)": "made-up",
    "(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)": "1-made-up",
}


def routes() -> Iterator[str]:
    """Addresses of allauth's pages, with something in the place of parameters."""
    for route in _walk(get_resolver(), ""):
        if route.startswith(PREFIX):
            found = route.replace("^", "").replace("$", "")
            for parameter, value in ADDRESSES.items():
                found = found.replace(parameter, value)
            yield f"/{found}"


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from _walk(pattern, route)


def passkey(world: World) -> Authenticator:
    """A row that stands for a passkey; no browser made it."""
    return Authenticator.objects.create(
        user=world.max.user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Phone", "credential": {}},
    )


def look(client: Client, address: str) -> str:
    """Which page came, if one did; it must be ours."""
    answer: Any = client.get(address)
    assert answer.status_code < 500, address
    if answer.status_code >= 300 or "html" not in answer.headers["Content-Type"]:
        return ""
    first = answer.templates[0]
    assert first.origin.name.startswith(OURS), f"{address} shows {first.origin.name}"
    page = answer.content.decode()
    assert "css/app.css" in page, address
    assert "style=" not in page, address
    assert "<h1" in page, address
    return str(first.name)


def test_every_page_that_can_be_reached_is_ours(world: World, settings: Any):
    settings.WAYFORK_OPEN_SIGN_UP = True
    addresses = sorted({*routes()})
    assert len(addresses) > 20
    seen: set[str] = set()
    halfway = sign_in(world.rita.user)
    plain = sign_in(world.max.user)
    confirm(plain)
    give_factor(world.vera.user)
    waiting = sign_in(world.vera.user)
    full = sign_in_with_code(world.vera.user)
    confirm(full)
    for client in (Client(), halfway, plain, waiting, full):
        seen |= {look(client, address.replace("{passkey}", "0")) for address in addresses}
    key = passkey(world)
    for step in ("edit", "remove"):
        seen.add(look(plain, f"/accounts/second-factor/webauthn/keys/{key.pk}/{step}/"))
    seen.add(look(plain, "/accounts/second-factor/webauthn/"))
    assert {
        "account/login.html",
        "account/signup.html",
        "account/reauthenticate.html",
        "account/email.html",
        "account/password_change.html",
        "account/password_reset.html",
        "mfa/index.html",
        "mfa/authenticate.html",
        "mfa/totp/activate_form.html",
        "mfa/totp/deactivate_form.html",
        "mfa/recovery_codes/index.html",
        "mfa/recovery_codes/generate.html",
        "mfa/webauthn/add_form.html",
        "mfa/webauthn/edit_form.html",
        "mfa/webauthn/authenticator_list.html",
        "mfa/webauthn/authenticator_confirm_delete.html",
    } <= seen


def test_pages_with_secrets_are_kept_by_no_cache(world: World):
    give_factor(world.max.user)
    client = sign_in_with_code(world.max.user)
    confirm(client)
    for address in ("/accounts/second-factor/recovery-codes/", "/account/tokens/"):
        assert "no-store" in client.get(address).headers.get("Cache-Control", ""), address
