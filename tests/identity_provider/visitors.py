"""What tests of company sign-in make through the verbs, and the browser of somebody who comes in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from accounts import access as tickets
from accounts.actions import domains, providers
from accounts.actions.providers import ProviderPlan
from accounts.models import AuditEntry, IdentityProvider, User
from accounts.oidc import discovery
from tests.identity_provider.hostile import Hostile
from tests.world.cast import World

HOME = "http://127.0.0.1:8000"


def owner_of(world: World, organization: str = "solar") -> tickets.Access:
    """The owner's ticket."""
    owner = world.olivia if organization == "solar" else world.stan
    return tickets.of_member(owner.user, organization)


def last_cause(world: World) -> str:
    """Why somebody was refused, as the newest line of Solar's ledger says."""
    line = world.ledger()[-1]
    assert line.action == "sso.refused"
    return str(kept_in(line)["cause"])


def kept_in(line: AuditEntry) -> dict[str, Any]:
    """What a line keeps."""
    assert isinstance(line.after, dict)
    return line.after


def make_provider(
    access: tickets.Access,
    issuer: str,
    *,
    name: str = "Okta",
    domain: str = "solar.example",
    secret: str = "s3cret-of-the-client",  # noqa: S107 - no secret of anybody
    **plan: Any,
) -> IdentityProvider:
    """Add, set up, switch on, and prove a domain that leads there: all through the verbs."""
    row = providers.add(access, name, discovery.read(issuer))
    wanted = ProviderPlan(**{"name": name, "client_id": "wayfork", **plan})
    providers.set_up(access, row.key, wanted, secret)
    providers.switch(access, row.key, is_enabled=True)
    if domain:
        domains.claim(access, domain, row.key)
        domains.prove_by_operator(access, domain)
    return providers.provider_of(access, row.key)


@dataclass
class Browser:
    """Somebody's browser at Wayfork."""

    hostile: Hostile
    client: Client = field(default_factory=Client)

    def begin(self, key: str, step: str = "login", **query: str) -> dict[str, str]:
        """Set out for the provider; the parameters it is sent there with."""
        answer = self.client.get(f"/sso/{key}/{step}", query)
        assert answer.status_code == 302, answer.content
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: texts[0] for name, texts in asked.items()}

    def come_back(self, key: str, **query: str) -> Any:
        """Bring an answer."""
        return self.client.get(f"/sso/{key}/callback", {"code": "c0de", **query})

    def sign_in(self, key: str, *, token: Callable[[str], Any] | None = None, **claims: Any) -> Any:
        """There and back again, with an honest token unless told otherwise."""
        asked = self.begin(key)
        return self.answered(key, asked, token=token, **claims)

    def answered(
        self,
        key: str,
        asked: dict[str, str],
        *,
        token: Callable[[str], Any] | None = None,
        **claims: Any,
    ) -> Any:
        """Back from the provider, which says this of the person."""
        said = self.hostile.claims(asked["nonce"], **claims)
        self.hostile.told = {"sub": said.get("sub")}
        self.hostile.id_token = token(asked["nonce"]) if token else self.hostile.sign(said)
        return self.come_back(key, state=asked["state"])

    @property
    def person(self) -> User | None:
        """Who is signed in."""
        number = self.client.session.get("_auth_user_id")
        return User.objects.get(pk=number) if number else None
