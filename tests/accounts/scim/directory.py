"""A directory that talks SCIM to the running product, as Okta or Entra do."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts import access as tickets
from accounts.actions import directory
from accounts.models import ClaimedDomain, Membership
from tests.world.cast import World

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def id(self) -> str:
        return str(self.body["id"])


@dataclass
class Directory:
    """Somebody's directory with its token."""

    secret: str
    organization: str = "solar"
    client: Client = field(default_factory=Client)

    @classmethod
    def of(cls, world: World) -> "Directory":
        access = tickets.of_member(world.olivia.user, "solar")
        return cls(directory.create_token(access, "Okta").secret)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Any request; every answer must have SCIM's shape."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.client.generic(
            method,
            f"/scim/v2/{self.organization}/{path}",
            b"" if body is None else content,
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {self.secret}", **headers},
        )
        assert response.status_code != 500, response.content
        assert response.headers["Content-Type"] == "application/scim+json"
        found: Any = json.loads(response.content) if response.content else None
        if response.status_code >= 400:
            assert found["schemas"] == [ERROR]
            assert found["status"] == str(response.status_code)
        return Answer(response.status_code, found, dict(response.headers))

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any) -> Answer:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Answer:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": operations}, **headers)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def find(self, filter_: str, path: str = "Users", **more: str) -> list[str]:
        """Names of what a filter finds."""
        answer = self.client.get(
            f"/scim/v2/{self.organization}/{path}",
            {"filter": filter_, **more},
            headers={"Authorization": f"Bearer {self.secret}"},
        )
        assert answer.status_code == 200, answer.content
        return [one.get("userName") or one["displayName"] for one in answer.json()["Resources"]]


def nora(**more: Any) -> dict[str, Any]:
    """Somebody new, as Okta enters her."""
    return {
        "schemas": [USER],
        "userName": "nora@solar.example",
        "name": {"givenName": "Nora", "familyName": "Lind"},
        "emails": [{"primary": True, "value": "nora@solar.example", "type": "work"}],
        "displayName": "Nora Lind",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
        **more,
    }


def prove(world: World, domain: str = "solar.example") -> None:
    """The organization has shown that the domain is its own."""
    ClaimedDomain.objects.create(
        organization=world.organization, domain=domain, token="t", proved_at=timezone.now()
    )


def membership(email: str, organization: str = "solar") -> Membership:
    """How things stand in the table."""
    return Membership.across_tenants.select_related("user").get(
        user__email=email, organization__key=organization
    )
