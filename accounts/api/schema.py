"""How the OpenAPI document is made from the resources: names, sections, problems, versions."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from accounts.api.frame import Input, Output, PageQuery

F = TypeVar("F", bound=Callable[..., Any])

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
IF_MATCH: Final = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description='The version the change was made against: the ETag of the read, as "7".',
)
ETAG: Final = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200],
    description="The version, to be sent back as If-Match.",
)


class Problem(Output):
    """Why a request was refused (RFC 9457). Some codes add members of their own."""

    type = serializers.CharField(help_text="Where the code is explained.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; docs/reference/errors.md lists them all.")
    detail = serializers.CharField(help_text="What happened, as a sentence.")
    hint = serializers.CharField(allow_blank=True, help_text="What to do about it.")


class OperationSchema(AutoSchema):
    """Reads the name of the section from the view, the title and the text from the docstring."""

    def get_tags(self) -> list[str]:
        return [str(getattr(self.view, "tag", ""))]

    def get_summary(self) -> str:
        return self._docstring()[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]  # another framework's signature
        return "\n".join(self._docstring()[1:]).strip()

    def _docstring(self) -> list[str]:
        method = getattr(self.view, self.method.lower())
        return (inspect.getdoc(method) or "").split("\n") or [""]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Access tokens in the document."""

    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A personal access token, `mgt_…`: it may do what its person may do.",
        }


def operation(  # noqa: PLR0913 - one keyword per thing an operation may have
    name: str,
    *,
    answers: Mapping[Any, Any],
    body: type[Input] | None = None,
    query: type[Input] | None = None,
    needs_version: bool = False,
    has_version: bool = False,
    is_write: bool = False,
) -> Callable[[F], F]:
    """Describe one method of a resource: its operation id, what goes in, what comes out."""
    responses: dict[Any, Any] = {
        kind if isinstance(kind, tuple) else (kind, JSON): found for kind, found in answers.items()
    }
    if 204 in answers:
        responses = {204: None}
    for status in _problems(
        is_write=is_write or body is not None or needs_version, named=needs_version
    ):
        responses[status, PROBLEM_JSON] = Problem
    parameters: list[Any] = [query] if query else []
    parameters += [IF_MATCH] if needs_version else []
    parameters += [ETAG] if has_version else []
    decorate: Callable[[F], F] = extend_schema(
        operation_id=name, request=body, responses=responses, parameters=parameters
    )
    return decorate


def _problems(*, is_write: bool, named: bool) -> list[int]:
    always = [401, 403, 404, 422, 429]
    writing = [400, 409, 413, 415] if is_write else []
    return sorted(always + writing + ([428] if named else []))


def listing(name: str, item: type[Output], *, query: type[Input] = PageQuery) -> Callable[[F], F]:
    """Describe a list that is given page by page."""
    return operation(name, answers={200: _page_of(item)}, query=query)


@cache
def _page_of(item: type[Output]) -> Any:
    return inline_serializer(
        name=f"{item.__name__}Page",
        fields={
            "items": item(many=True),
            "next": serializers.CharField(
                allow_null=True, help_text="The cursor of the next page; null on the last."
            ),
        },
    )
