"""SCIM's addresses: who asks, what about, and what is answered."""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from scim2_models import (
    Context,
    Error,
    Group,
    InvalidSyntaxException,
    NotFoundException,
    PatchOp,
    Resource,
    ResponseParameters,
)

from accounts import documents
from accounts.access import Access, Origin, Via
from accounts.actions import credentials, directory, refusals
from accounts.models import DirectoryToken, Membership, Team
from accounts.scim import answers, discovery, listing, resources
from accounts.scim.resources import Person
from accounts.web.origin import address_of, request_id

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Resource[Any])
Act = Callable[[HttpRequest, Access], HttpResponse]
ActOnOne = Callable[[HttpRequest, Access, UUID], HttpResponse]


def answer(request: HttpRequest, organization: str, path: str) -> HttpResponse:
    """Whatever a directory asks, the answer has SCIM's shape."""
    try:
        return _answer(request, organization, path.strip("/"))
    except Exception as error:
        refused = answers.refusal(error)
        if refused is not None:
            return refused
        log.exception("a directory could not be answered")
        detail = f"Something broke on our side. It was logged as {request_id(request)}."
        return answers.told(Error(status=500, detail=detail))


def _answer(request: HttpRequest, organization: str, path: str) -> HttpResponse:
    access = _access(request, organization)
    kind, _slash, rest = path.partition("/")
    if not rest and kind in DISCOVERY:
        if request.method != "GET":
            return _not_in_this_way("GET")
        return answers.answer(DISCOVERY[kind]())
    if kind in ("Schemas", "ResourceTypes") and request.method == "GET":
        return answers.answer(_one_of(kind, rest))
    if kind == "Bulk":
        return answers.told(Error(status=501, detail="Bulk requests are not supported."))
    if kind not in COLLECTIONS:
        raise NotFoundException(detail="There is nothing at this address.")
    return _at_collection(request, access, kind, rest)


def _at_collection(request: HttpRequest, access: Access, kind: str, rest: str) -> HttpResponse:
    if not rest:
        act = COLLECTIONS[kind].get(request.method or "")
        return act(request, access) if act else _not_in_this_way(*COLLECTIONS[kind])
    act_on_one = ONES[kind].get(request.method or "")
    if act_on_one is None:
        return _not_in_this_way(*ONES[kind])
    try:
        found = UUID(rest)
    except ValueError:
        raise NotFoundException(detail=f"There is no {rest[:60]!r} here.") from None
    return act_on_one(request, access, found)


def _access(request: HttpRequest, organization: str) -> Access:
    """The directory's ticket. At another organization's address there is nothing for it."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise credentials.BadKey(
            "No directory token was sent.", hint="Send 'Authorization: Bearer scim_…'."
        )
    origin = Origin(Via.DIRECTORY, address_of(request), request_id(request))
    try:
        token = credentials.directory_token(secret.strip())
    except credentials.BadKey:
        refusals.note_token(DirectoryToken, secret.strip(), origin)
        raise
    if token.organization.key != organization:
        raise NotFoundException(detail="There is no such organization.")
    return directory.access_of(token, origin)


def _not_in_this_way(*allowed: str) -> HttpResponse:
    response = answers.told(Error(status=405, detail="This cannot be done here."))
    response["Allow"] = ", ".join(allowed)
    return response


def _one_of(kind: str, name: str) -> dict[str, Any]:
    found: list[Any] = discovery.schemas() if kind == "Schemas" else discovery.resource_types()
    for one in found:
        if str(one.id).casefold() == name.casefold():
            return dict(one.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))
    raise NotFoundException(detail=f"There is no {name[:100]!r} here.")


# --- reading what was sent


def _document(request: HttpRequest) -> Any:
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InvalidSyntaxException(detail=f"The body is not JSON: {error}.") from error
    documents.check(document)
    return document


def _read(request: HttpRequest, kind: type[R], context: Context) -> R:
    return kind.model_validate(_document(request), scim_ctx=context, scim_policy=resources.TOLERANT)


def _patched(request: HttpRequest, kind: type[R], found: R) -> R:
    """The resource as the operations leave it."""
    wanted = found.model_copy(deep=True)
    with resources.TOLERANT:
        operations = PatchOp[kind].model_validate(  # type: ignore[valid-type]  # a class per kind
            _document(request), scim_ctx=Context.RESOURCE_PATCH_REQUEST
        )
        operations.patch(wanted)
    return wanted


def _wanted(request: HttpRequest, kind: type[R]) -> ResponseParameters[R]:
    names = ("attributes", "excludedAttributes")
    asked = {name: request.GET[name] for name in names if name in request.GET}
    found: ResponseParameters[R] = ResponseParameters[kind].model_validate(asked)  # type: ignore[valid-type]  # a class per kind
    return found


# --- people


def _person(access: Access, member_id: UUID) -> Membership:
    found = listing.people_of(access.organization).filter(id=member_id).first()
    if found is None:
        raise NotFoundException(detail=f"There is no user {member_id} here.")
    return found


def list_people(request: HttpRequest, access: Access) -> HttpResponse:
    """A page of members."""
    return answers.answer(listing.people(request, access.organization))


def create_person(request: HttpRequest, access: Access) -> HttpResponse:
    """Somebody joins the organization."""
    plan = resources.person_plan(_read(request, Person, Context.RESOURCE_CREATION_REQUEST))
    made = directory.enter(access, plan)
    shown = resources.person(_person(access, made.id))
    return answers.resource(shown, _wanted(request, Person), 201)


def read_person(request: HttpRequest, access: Access, member_id: UUID) -> HttpResponse:
    """One member."""
    shown = resources.person(_person(access, member_id))
    if answers.is_known(request, shown):
        return answers.answer(None, 304, ETag=answers.version_of(shown))
    return answers.resource(shown, _wanted(request, Person))


def replace_person(request: HttpRequest, access: Access, member_id: UUID) -> HttpResponse:
    """A member as the directory has them now."""
    wanted = _read(request, Person, Context.RESOURCE_REPLACEMENT_REQUEST)
    return _change_person(request, access, member_id, lambda _before: wanted)


def patch_person(request: HttpRequest, access: Access, member_id: UUID) -> HttpResponse:
    """Parts of a member."""
    return _change_person(
        request, access, member_id, lambda before: _patched(request, Person, before)
    )


def _change_person(
    request: HttpRequest, access: Access, member_id: UUID, become: Callable[[Person], Person]
) -> HttpResponse:
    with transaction.atomic():
        membership = _person(access, member_id)
        before = resources.person(membership)
        answers.require_version(request, before)
        directory.change(access, membership, resources.person_plan(become(before), before))
    shown = resources.person(_person(access, member_id))
    return answers.resource(shown, _wanted(request, Person))


def remove_person(request: HttpRequest, access: Access, member_id: UUID) -> HttpResponse:
    """The directory no longer knows them: they are out, and what they did stays."""
    with transaction.atomic():
        membership = _person(access, member_id)
        answers.require_version(request, resources.person(membership))
        directory.let_go(access, membership)
    return answers.answer(None, 204)


# --- teams


def _team(access: Access, team_id: UUID, *, with_members: bool = True) -> Team:
    rows = listing.teams_of(access.organization, with_members=with_members)
    found = rows.filter(id=team_id).first()
    if found is None:
        raise NotFoundException(detail=f"There is no group {team_id} here.")
    return found


def list_teams(request: HttpRequest, access: Access) -> HttpResponse:
    """A page of teams."""
    return answers.answer(listing.teams(request, access.organization))


def create_team(request: HttpRequest, access: Access) -> HttpResponse:
    """A group becomes a team."""
    plan = resources.team_plan(_read(request, Group, Context.RESOURCE_CREATION_REQUEST))
    made = directory.enter_team(access, plan)
    shown = resources.group(_team(access, made.id))
    return answers.resource(shown, _wanted(request, Group), 201)


def read_team(request: HttpRequest, access: Access, team_id: UUID) -> HttpResponse:
    """One team."""
    shown = resources.group(_team(access, team_id))
    if answers.is_known(request, shown):
        return answers.answer(None, 304, ETag=answers.version_of(shown))
    return answers.resource(shown, _wanted(request, Group))


def replace_team(request: HttpRequest, access: Access, team_id: UUID) -> HttpResponse:
    """A team as the directory has it now."""
    wanted = _read(request, Group, Context.RESOURCE_REPLACEMENT_REQUEST)
    return _change_team(request, access, team_id, lambda _before: wanted)


def patch_team(request: HttpRequest, access: Access, team_id: UUID) -> HttpResponse:
    """Parts of a team: most often who is in it."""
    return _change_team(request, access, team_id, lambda before: _patched(request, Group, before))


def _change_team(
    request: HttpRequest, access: Access, team_id: UUID, become: Callable[[Group], Group]
) -> HttpResponse:
    with transaction.atomic():
        team = _team(access, team_id)
        before = resources.group(team)
        answers.require_version(request, before)
        directory.change_team(access, team, resources.team_plan(become(before)))
    shown = resources.group(_team(access, team_id))
    return answers.resource(shown, _wanted(request, Group))


def remove_team(request: HttpRequest, access: Access, team_id: UUID) -> HttpResponse:
    """The group is gone, and so is the team."""
    with transaction.atomic():
        team = _team(access, team_id)
        answers.require_version(request, resources.group(team))
        directory.dissolve(access, team)
    return answers.answer(None, 204)


DISCOVERY: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "ServiceProviderConfig": discovery.service_provider_config,
    "ResourceTypes": lambda: discovery.listed(discovery.resource_types()),
    "Schemas": lambda: discovery.listed(discovery.schemas()),
}
COLLECTIONS: Final[dict[str, dict[str, Act]]] = {
    "Users": {"GET": list_people, "POST": create_person},
    "Groups": {"GET": list_teams, "POST": create_team},
}
ONES: Final[dict[str, dict[str, ActOnOne]]] = {
    "Users": {
        "GET": read_person,
        "PUT": replace_person,
        "PATCH": patch_person,
        "DELETE": remove_person,
    },
    "Groups": {
        "GET": read_team,
        "PUT": replace_team,
        "PATCH": patch_team,
        "DELETE": remove_team,
    },
}
