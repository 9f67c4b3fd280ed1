"""The way to a real provider and back, as people travel it."""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from django.conf import settings
from django.test import Client

from accounts.actions import providers
from accounts.models import IdentityProvider
from accounts.sso.options import callback_address, signed_out_address
from tests.identity_provider.running import RealProvider, Visit
from tests.identity_provider.visitors import make_provider, owner_of
from tests.world.cast import World

NINA = {"email": "nina@solar.example", "email_verified": True, "name": "Nina", "groups": ["devs"]}

# Where an application that is not ours takes answers; nobody goes there.
ELSEWHERE: Final = "https://elsewhere.example/back"


def connect(
    world: World, real: RealProvider, *, name: str, domain: str = "", organization: str = "solar"
) -> IdentityProvider:
    """Register Wayfork there and set the provider up here, as an owner would."""
    owner = owner_of(world, organization)
    row = make_provider(owner, real.issuer, name=name, domain=domain)
    home = callback_address(row).removesuffix(f"/sso/{row.key}/callback")
    made = real.register(
        redirect_uris=[callback_address(row)],
        post_logout_redirect_uris=[signed_out_address(row)],
        backchannel_logout_uri=f"{home}/sso/{row.key}/back-channel",
        backchannel_logout_session_required=True,
    )
    plan = providers.ProviderPlan(name=name, client_id=made["client_id"])
    return providers.set_up(owner, row.key, plan, made["client_secret"])


def led_to(client: Client, address: str) -> str:
    """Where a page of ours sends the browser: an address at the provider."""
    led = client.get(address)
    assert led.status_code == 302, led.content
    return str(led.headers["Location"])


def answer_of(visit: Visit, there: str) -> str:
    """Sign in there; the path here that its answer leads to."""
    return visit.follow(there, settings.WAYFORK_URL).removeprefix(settings.WAYFORK_URL)


def go_there(client: Client, visit: Visit, address: str) -> Any:
    """Out to the provider and back with its answer."""
    return client.get(answer_of(visit, led_to(client, address)))


def ask_elsewhere(visit: Visit, real: RealProvider, made: Mapping[str, Any], nonce: str) -> str:
    """Sign in to an application that is not ours, with the same nonce; the genuine identity token."""
    verifier = "not-ours-" * 6
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    asked = {
        "client_id": made["client_id"],
        "response_type": "code",
        "scope": "openid email",
        "redirect_uri": ELSEWHERE,
        "nonce": nonce,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    back = visit.follow(f"{real.issuer}/auth?{urlencode(asked)}", ELSEWHERE)
    answer = httpx.post(
        f"{real.issuer}/token",
        auth=(made["client_id"], made["client_secret"]),
        data={
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(back).query)["code"][0],
            "redirect_uri": ELSEWHERE,
            "code_verifier": verifier,
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id_token"])


def sign_out_there(visit: Visit, address: str) -> httpx.Response:
    """Go to the provider's own sign-out page and say yes."""
    asked = visit.client.get(address)
    token = re.search(r'name="xsrf" value="([^"]+)"', asked.text)
    assert token is not None
    confirmed = f"{address.partition('?')[0]}/confirm"
    return visit.client.post(confirmed, data={"xsrf": token[1], "logout": "yes"})
