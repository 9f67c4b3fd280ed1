"""A REST client for tests: a person's token, JSON both ways, every answer held against the schema."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.world.cast import Person

ROOT = "/api/v1/organizations/solar/projects/shop"
HERE = f"{ROOT}/environments/production"


@cache
def schema() -> dict[str, Any]:
    """The OpenAPI document, as plain JSON."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    return dict(json.loads(json.dumps(document, default=str)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return self.headers["etag"]


@dataclass
class Api:
    """One person at the REST API."""

    token: str = ""
    client: Client = field(default_factory=Client)

    @classmethod
    def of(cls, person: Person, *, read_only: bool = False) -> "Api":
        return cls(person.token(read_only=read_only))

    def get(self, path: str, **query: Any) -> Answer:
        return self.send("get", path, query=query)

    def post(self, path: str, body: Any = None, *, version: object = None) -> Answer:
        return self.send("post", path, {} if body is None else body, version=version)

    def patch(self, path: str, body: Any, *, version: object = None) -> Answer:
        return self.send("patch", path, body, version=version)

    def put(self, path: str, body: Any, *, version: object = None) -> Answer:
        return self.send("put", path, body, version=version)

    def delete(self, path: str, *, version: object = None) -> Answer:
        return self.send("delete", path, version=version)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: object = None,
        query: dict[str, Any] | None = None,
    ) -> Answer:
        """Any request; the answer must be one the schema promises."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.raw(method, path, content if body is not None else b"", version, query)

    def raw(
        self,
        method: str,
        path: str,
        content: bytes,
        version: object = None,
        query: dict[str, Any] | None = None,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        response = self.client.generic(
            method.upper(),
            path,
            content,
            content_type="application/json",
            headers=headers,
            query_params=query or None,
        )
        found = json.loads(response.content) if response.content else None
        answer = Answer(
            response.status_code, found, {k.lower(): v for k, v in response.headers.items()}
        )
        hold_against_schema(method, path, answer)
        return answer


def hold_against_schema(method: str, path: str, answer: Answer) -> None:
    """Fail when an operation answers something that it does not promise."""
    operation = _operation(method, path)
    if operation is None or answer.status == 405:
        return
    promised = operation["responses"].get(str(answer.status))
    assert promised is not None, f"{method} {path} does not promise {answer.status}: {answer.body}"
    contents = promised.get("content", {})
    if not contents:
        assert answer.body is None
        return
    media = answer.headers["content-type"]
    assert media in contents, f"{media} is not {list(contents)}"
    _validate(contents[media]["schema"], answer.body)


def _operation(method: str, path: str) -> dict[str, Any] | None:
    parts = path.strip("/").split("/")
    best: dict[str, Any] | None = None
    fewest = 99
    for template, operations in schema()["paths"].items():
        wanted = template.strip("/").split("/")
        if len(wanted) != len(parts) or method not in operations:
            continue
        named = [not one.startswith("{") for one in wanted]
        fits = all(
            one == two for one, two, literal in zip(wanted, parts, named, strict=True) if literal
        )
        if fits and named.count(False) < fewest:
            best, fewest = operations[method], named.count(False)
    return best


def _validate(shape: dict[str, Any], value: Any) -> None:
    whole = {**_strict(shape), "components": _strict(schema()["components"])}
    errors = sorted(Draft202012Validator(whole).iter_errors(value), key=lambda one: list(one.path))
    assert not errors, f"{list(errors[0].path)}: {errors[0].message}"


def _strict(shape: Any) -> Any:
    """The same schema, without room for members it does not name: answers are exact."""
    if isinstance(shape, list):
        return [_strict(item) for item in shape]
    if not isinstance(shape, dict):
        return shape
    found = {key: _strict(value) for key, value in shape.items()}
    is_problem = "hint" in found.get("properties", {})
    if found.get("type") == "object" and "properties" in found and not is_problem:
        found.setdefault("additionalProperties", False)
    return found
