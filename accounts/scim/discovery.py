"""What this service can do, for directories that ask first."""

from typing import Any, Final

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    ETag,
    Filter,
    Group,
    ListResponse,
    Patch,
    Resource,
    ResourceType,
    Schema,
    ServiceProviderConfig,
    Sort,
    User,
)

LARGEST_PAGE: Final = 200
MODELS: Final[tuple[type[Resource[Any]], ...]] = (User, Group)


def service_provider_config() -> dict[str, Any]:
    """The abilities of this service."""
    found = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=LARGEST_PAGE),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Directory token",
                description="A token an owner made on the organization's directory page.",
                primary=True,
            )
        ],
    )
    return found.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)


def resource_types() -> list[ResourceType]:
    """Users and groups."""
    return [ResourceType.from_resource(model) for model in MODELS]


def schemas() -> list[Schema]:
    """Their attributes."""
    return [model.to_schema() for model in MODELS]


def listed(found: list[Any]) -> dict[str, Any]:
    """A list that fits on one page."""
    kind = type(found[0])
    answer = ListResponse[kind](  # type: ignore[valid-type]  # a class made for the kind it lists
        total_results=len(found), start_index=1, items_per_page=len(found), resources=found
    )
    return dict(answer.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))
