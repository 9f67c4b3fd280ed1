"""REST resources of company sign-in: providers, the domains that lead to them, who breaks the glass."""

from uuid import UUID

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import sign_in_setup
from accounts.access import Access
from accounts.actions import discoveries, domains, providers
from accounts.actions.providers import ProviderPlan
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.provider_serializers import (
    DomainChangeIn,
    DomainIn,
    DomainOut,
    GroupIn,
    GroupOut,
    ProviderChangeIn,
    ProviderIn,
    ProviderOut,
)
from accounts.api.schema import PROBLEM_JSON, Problem, listing, operation
from accounts.models import ClaimedDomain, IdentityProvider
from accounts.permissions import Permission
from accounts.web import fresh_proof
from accounts.web.place import organization_access

TAG = "Company sign-in"


def provider_version(found: IdentityProvider) -> str:
    """The state of a provider, apart from when its document was last read: that happens daily."""
    return frame.fingerprint({**ProviderOut(found).data, "discovered_at": None})


def domain_version(found: ClaimedDomain) -> str:
    """The state of a claimed domain."""
    return frame.fingerprint(DomainOut(found).data)


def _owner(request: Request, organization: str) -> Access:
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    return access


def _provider(found: IdentityProvider) -> Response:
    return frame.versioned(ProviderOut(found), provider_version(found))


def _domain(found: ClaimedDomain) -> Response:
    return frame.versioned(DomainOut(found), domain_version(found))


def _same_provider(request: Request, access: Access, key: str) -> IdentityProvider:
    """The provider as it stays until the transaction ends, if it is as it was read."""
    found = providers.provider_of(access, key, lock=True)
    frame.same_version(request, provider_version(found))
    return found


def _same_domain(request: Request, access: Access, domain_id: UUID) -> None:
    found = domains.domain_of(access, domain_id, lock=True)
    frame.same_version(request, domain_version(found))


class ProvidersView(Resource):
    """The identity providers an organization trusts."""

    tag = TAG

    @listing("list_providers", ProviderOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the identity providers, by name. Owners may."""
        found = sign_in_setup.overview(_owner(request, organization)).providers
        return frame.page_of_list(request, found, ProviderOut, lambda one: one.key)

    @operation("add_provider", body=ProviderIn, answers={201: ProviderOut})
    def post(self, request: Request, organization: str) -> Response:
        """Add a provider by its issuer, whose document is read from there.

        Nobody signs in by it before it has a client id and is switched on. Owners may.
        """
        access = _owner(request, organization)
        given = frame.body(request, ProviderIn)
        made = providers.add(access, given["name"], discoveries.read(access, given["issuer"]))
        return Response(ProviderOut(made).data, status.HTTP_201_CREATED)


class ProviderView(Resource):
    """One identity provider."""

    tag = TAG

    @operation("read_provider", answers={200: ProviderOut}, has_version=True)
    def get(self, request: Request, organization: str, key: str) -> Response:
        """Read a provider. Its client secret is never shown. Owners may."""
        return _provider(providers.provider_of(_owner(request, organization), key))

    @operation(
        "change_provider",
        body=ProviderChangeIn,
        answers={200: ProviderOut},
        needs_version=True,
        has_version=True,
    )
    def patch(self, request: Request, organization: str, key: str) -> Response:
        """Change how people sign in through it. Owners may."""
        access = _owner(request, organization)
        given = frame.body(request, ProviderChangeIn)
        secret = given.pop("client_secret", "")
        if secret:
            fresh_proof.require_over_rest(request)
        with transaction.atomic():
            found = _same_provider(request, access, key)
            kept = {name: getattr(found, name) for name in ProviderPlan.__dataclass_fields__}
            changed = providers.set_up(access, key, ProviderPlan(**{**kept, **given}), secret)
        return _provider(changed)

    @operation("delete_provider", answers={204: None}, needs_version=True)
    def delete(self, request: Request, organization: str, key: str) -> Response:
        """Take a provider away with its connections; its sessions end. Owners may."""
        access = _owner(request, organization)
        with transaction.atomic():
            _same_provider(request, access, key)
            providers.delete(access, key)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProviderDiscoveryView(Resource):
    """What a provider publishes about itself."""

    tag = TAG

    @operation("discover_provider", answers={200: ProviderOut}, is_write=True)
    def post(self, request: Request, organization: str, key: str) -> Response:
        """Read the provider's document and keys now, instead of once a day. Owners may."""
        access = _owner(request, organization)
        found = discoveries.read(access, providers.provider_of(access, key).issuer)
        return _provider(providers.discover_again(access, key, found))


class ProviderSwitchView(Resource):
    """Whether people sign in through a provider."""

    tag = TAG

    @operation("enable_provider", answers={200: ProviderOut}, is_write=True)
    def put(self, request: Request, organization: str, key: str) -> Response:
        """Let people in by it. Owners may."""
        access = _owner(request, organization)
        return _provider(providers.switch(access, key, is_enabled=True))

    @operation("disable_provider", answers={200: ProviderOut}, is_write=True)
    def delete(self, request: Request, organization: str, key: str) -> Response:
        """Let nobody in by it any more; sessions it vouches for end. Owners may."""
        access = _owner(request, organization)
        return _provider(providers.switch(access, key, is_enabled=False))


class ProviderRequirementView(Resource):
    """Whether the people of a provider's domains must come in by it."""

    tag = TAG

    @operation("require_provider", answers={200: ProviderOut}, is_write=True)
    def put(self, request: Request, organization: str, key: str) -> Response:
        """Refuse passwords and passkeys to people of its domains. Owners may.

        One owner must be able to break the glass before.
        """
        access = _owner(request, organization)
        return _provider(providers.require(access, key, is_required=True))

    @operation("release_provider", answers={200: ProviderOut}, is_write=True)
    def delete(self, request: Request, organization: str, key: str) -> Response:
        """Let people of its domains use passwords again. Owners may."""
        access = _owner(request, organization)
        return _provider(providers.require(access, key, is_required=False))


class ProviderGroupsView(Resource):
    """What groups named by a provider bring."""

    tag = TAG

    @listing("list_provider_groups", GroupOut)
    def get(self, request: Request, organization: str, key: str) -> Response:
        """List what groups bring, by group. Owners may."""
        access = _owner(request, organization)
        found = sign_in_setup.details(access, providers.provider_of(access, key)).groups
        return frame.page_of_list(request, found, GroupOut, lambda one: one.id)

    @operation("add_provider_group", body=GroupIn, answers={201: GroupOut})
    def post(self, request: Request, organization: str, key: str) -> Response:
        """Say that a group brings a role in a project, or a place in a team. Owners may."""
        access = _owner(request, organization)
        given = frame.body(request, GroupIn)
        made = providers.add_group(
            access,
            key,
            given["group"],
            project_key=given["project"],
            role=given["role"],
            team_key=given["team"],
        )
        return Response(GroupOut(made).data, status.HTTP_201_CREATED)


class ProviderGroupView(Resource):
    """One thing a group brings."""

    tag = TAG

    @operation("remove_provider_group", answers={204: None})
    def delete(self, request: Request, organization: str, key: str, group_id: UUID) -> Response:
        """A group brings this no longer; people lose it at their next sign-in. Owners may."""
        providers.remove_group(_owner(request, organization), key, group_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BreakGlassView(Resource):
    """Whether an owner may use a password although the company's sign-in is required."""

    tag = TAG

    @operation("allow_break_glass", answers={204: None}, is_write=True)
    def put(self, request: Request, organization: str, owner_id: UUID) -> Response:
        """Let an owner, named by the member's id, in by password in an emergency. Owners may."""
        access = _owner(request, organization)
        fresh_proof.require_over_rest(request)
        providers.set_break_glass(access, owner_id, allowed=True)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation("refuse_break_glass", answers={204: None}, is_write=True)
    def delete(self, request: Request, organization: str, owner_id: UUID) -> Response:
        """Let that owner in by the company's sign-in alone. Owners may."""
        providers.set_break_glass(_owner(request, organization), owner_id, allowed=False)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DomainsView(Resource):
    """The e-mail domains an organization says are its own."""

    tag = TAG

    @listing("list_domains", DomainOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the claimed domains, by name. Owners may."""
        found = sign_in_setup.overview(_owner(request, organization)).domains
        return frame.page_of_list(request, found, DomainOut, lambda one: one.id)

    @operation("claim_domain", body=DomainIn, answers={201: DomainOut})
    def post(self, request: Request, organization: str) -> Response:
        """Claim a domain: it counts once it carries the TXT record in the answer. Owners may."""
        access = _owner(request, organization)
        given = frame.body(request, DomainIn)
        made = domains.claim(access, given["domain"], given["provider"])
        return Response(DomainOut(made).data, status.HTTP_201_CREATED)


class DomainView(Resource):
    """One claimed domain."""

    tag = TAG

    @operation("read_domain", answers={200: DomainOut}, has_version=True)
    def get(self, request: Request, organization: str, domain_id: UUID) -> Response:
        """Read a claimed domain. Owners may."""
        return _domain(domains.domain_of(_owner(request, organization), domain_id))

    @operation(
        "route_domain",
        body=DomainChangeIn,
        answers={200: DomainOut},
        needs_version=True,
        has_version=True,
    )
    def patch(self, request: Request, organization: str, domain_id: UUID) -> Response:
        """Choose where the domain's people sign in. Owners may."""
        access = _owner(request, organization)
        given = frame.body(request, DomainChangeIn)
        with transaction.atomic():
            _same_domain(request, access, domain_id)
            return _domain(domains.route(access, domain_id, given["provider"]))

    @operation("give_up_domain", answers={204: None}, needs_version=True)
    def delete(self, request: Request, organization: str, domain_id: UUID) -> Response:
        """Take a domain off the list: nobody is led anywhere by it any more. Owners may."""
        access = _owner(request, organization)
        with transaction.atomic():
            _same_domain(request, access, domain_id)
            domains.give_up(access, domain_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DomainProofView(Resource):
    """Whose a domain is."""

    tag = TAG

    @operation(
        "prove_domain",
        answers={200: DomainOut, (503, PROBLEM_JSON): Problem},
        is_write=True,
    )
    def post(self, request: Request, organization: str, domain_id: UUID) -> Response:
        """Look the domain's TXT record up now. Owners may."""
        return _domain(domains.prove(_owner(request, organization), domain_id))
