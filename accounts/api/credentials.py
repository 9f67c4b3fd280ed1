"""REST resources of SDK keys and access tokens: a secret is readable once, when it is made."""

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.access import Access
from accounts.actions import credentials
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.api.serializers import (
    NewSdkKeyOut,
    NewServiceTokenOut,
    NewTokenOut,
    SdkKeyIn,
    SdkKeyOut,
    ServiceTokenIn,
    ServiceTokenOut,
    TokenIn,
    TokenOut,
)
from accounts.errors import InvalidInput, NotPermitted
from accounts.models import AccessToken
from accounts.permissions import Permission
from accounts.web import fresh_proof
from accounts.web.place import environment_access, organization_access, project_access

NEVER_KEPT = {"Cache-Control": "no-store"}


class SdkKeysView(Resource):
    """The SDK keys of an environment."""

    tag = "SDK keys"

    @listing("list_sdk_keys", SdkKeyOut)
    def get(self, request: Request, **place: str) -> Response:
        """List the keys, live ones first."""
        found = queries.sdk_keys(environment_access(request, **place))
        return frame.page_of_list(request, found, SdkKeyOut, lambda key: key.id)

    @operation("create_sdk_key", body=SdkKeyIn, answers={201: NewSdkKeyOut})
    def post(self, request: Request, **place: str) -> Response:
        """Make a key. Its secret is in this answer and nowhere else."""
        access = environment_access(request, **place)
        given = frame.body(request, SdkKeyIn)
        made = credentials.create_sdk_key(
            access, given["kind"], given["label"], given["expires_at"]
        )
        return Response(NewSdkKeyOut(made).data, status.HTTP_201_CREATED, headers=NEVER_KEPT)


class SdkKeyView(Resource):
    """One SDK key."""

    tag = "SDK keys"

    @operation("revoke_sdk_key", answers={204: None})
    def delete(self, request: Request, key_id: UUID, **place: str) -> Response:
        """Make a key worthless now. Applications that use it keep their last values."""
        credentials.revoke_sdk_key(environment_access(request, **place), key_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TokensView(Resource):
    """A person's own access tokens."""

    tag = "Access tokens"

    @listing("list_tokens", TokenOut)
    def get(self, request: Request, organization: str) -> Response:
        """List your own access tokens in this organization."""
        found = queries.tokens(organization_access(request, organization))
        return frame.page_of_list(request, found, TokenOut, lambda token: token.id)

    @operation("create_token", body=TokenIn, answers={201: NewTokenOut})
    def post(self, request: Request, organization: str) -> Response:
        """Make an access token: it may never do more than you may.

        A token made with a token lives no longer than that one and is revoked with it; a token
        made for less than its person may do makes none.
        """
        access = organization_access(request, organization)
        given = frame.body(request, TokenIn)
        by = _not_wider(request, given["expires_at"])
        made = credentials.create_token(access, given["label"], _reach(given), by=by)
        return Response(NewTokenOut(made).data, status.HTTP_201_CREATED, headers=NEVER_KEPT)


def _reach(given: dict[str, Any]) -> credentials.Reach:
    return credentials.Reach(
        read_only=given["read_only"],
        project_keys=tuple(given["projects"]),
        permissions=tuple(given["permissions"]),
        expires_at=given["expires_at"],
    )


def _not_wider(request: Request, expires_at: datetime | None) -> AccessToken | None:
    """A token is no way to a better token, nor is a stolen session. The one shown, if one was."""
    fresh_proof.require_over_rest(request)
    token = request.auth
    if not isinstance(token, AccessToken):
        return None
    if token.membership is None or token.project_keys or token.permissions:
        raise NotPermitted(
            "This token was made for less than its person may do, so it makes no tokens.",
            hint="Make the token while signed in.",
        )
    end = token.expires_at
    if end is not None and (expires_at is None or expires_at > end):
        raise InvalidInput(
            f"The token you use ends at {end.isoformat()}; the new one may not live longer.",
            where="expires_at",
        )
    return token


class TokenView(Resource):
    """One access token."""

    tag = "Access tokens"

    @operation("revoke_token", answers={204: None})
    def delete(self, request: Request, organization: str, token_id: UUID) -> Response:
        """Make one of your own tokens worthless, and with it the live ones it `made`."""
        credentials.revoke_token(organization_access(request, organization), token_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ServiceTokensView(Resource):
    """The tokens of an organization's scripts."""

    tag = "Access tokens"

    @listing("list_service_tokens", ServiceTokenOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the service tokens of the organization. Only owners may."""
        access = organization_access(request, organization)
        access.require(Permission.MANAGE_ORGANIZATION)
        found = queries.service_tokens(access)
        return frame.page_of_list(request, found, ServiceTokenOut, lambda token: token.id)

    @operation("create_service_token", body=ServiceTokenIn, answers={201: NewServiceTokenOut})
    def post(self, request: Request, organization: str) -> Response:
        """Make a token for a script, in a role of its own. It never reviews.

        Owners may for any projects, project admins for one project of theirs.
        """
        given = frame.body(request, ServiceTokenIn)
        access = _where_it_works(request, organization, given["projects"])
        by = _not_wider(request, given["expires_at"])
        made = credentials.create_service_token(
            access, given["label"], given["role"], _reach(given), by=by
        )
        return Response(NewServiceTokenOut(made).data, status.HTTP_201_CREATED, headers=NEVER_KEPT)


def _where_it_works(request: Request, organization: str, projects: list[str]) -> Access:
    """An owner's ticket at the organization, or an admin's at the one project named."""
    access = organization_access(request, organization)
    if access.may(Permission.MANAGE_ORGANIZATION) or len(projects) != 1:
        return access
    return project_access(request, organization, projects[0])


class ServiceTokenView(Resource):
    """One token of a script."""

    tag = "Access tokens"

    @operation("revoke_service_token", answers={204: None})
    def delete(self, request: Request, organization: str, service_id: UUID) -> Response:
        """Make a service token worthless. Only owners may; admins do it on their project's page.

        Tokens made with it (`made`) are revoked too.
        """
        access = organization_access(request, organization)
        access.require(Permission.MANAGE_ORGANIZATION)
        credentials.revoke_service_token(access, service_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
