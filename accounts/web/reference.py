"""The OpenAPI document as a page needs it: sections, operations, fields in rows, an example."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator

Schema = Mapping[str, Any]

# Deeper fields stand in the document; a page that showed them all would be read by nobody.
DEEPEST: Final = 3
METHODS: Final = ("get", "post", "put", "patch", "delete")
# The order in which somebody new meets things.
ORDER: Final = (
    "People and places",
    "Flags",
    "Segments",
    "Changes",
    "Experiments",
    "Metrics",
    "Event sources",
    "Environments",
    "SDK keys",
    "Access tokens",
    "History",
)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a body or an answer; `depth` is how far it is set in."""

    name: str
    kind: str
    is_needed: bool
    text: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What a status means, and what comes with it."""

    status: str
    fields: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    name: str
    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[FieldRow, ...]
    body: tuple[FieldRow, ...]
    answers: tuple[AnswerRow, ...]
    refusals: tuple[str, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Section:
    """Operations that belong together."""

    title: str
    slug: str
    operations: tuple[Operation, ...]


@cache
def sections() -> tuple[Section, ...]:
    """The whole reference; made once per process."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    book = _Book(json.loads(json.dumps(document, default=str)))
    by_title: dict[str, list[Operation]] = {}
    for path, methods in book.document["paths"].items():
        for method in METHODS:
            if method in methods:
                found = book.operation(path, method, methods[method])
                by_title.setdefault(methods[method]["tags"][0], []).append(found)
    titles = sorted(by_title, key=lambda title: (_place(title), title))
    return tuple(
        Section(title, title.lower().replace(" ", "-"), tuple(sorted(by_title[title], key=_rank)))
        for title in titles
    )


def _rank(operation: Operation) -> tuple[bool, str]:
    """What all environments share comes before what each has."""
    return "{environment}" in operation.path, operation.path


def _place(title: str) -> int:
    return ORDER.index(title) if title in ORDER else len(ORDER)


class _Book:
    """Reads one OpenAPI document."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def operation(self, path: str, method: str, given: Schema) -> Operation:
        body = _content(given.get("requestBody", {}))
        answers = given["responses"]
        return Operation(
            name=given["operationId"],
            method=method.upper(),
            path=path,
            summary=given["summary"],
            text=given.get("description", ""),
            parameters=tuple(_parameters(given.get("parameters", []))),
            body=tuple(self.rows(body)) if body else (),
            answers=tuple(
                AnswerRow(status, tuple(self.rows(_content(answer) or {})))
                for status, answer in answers.items()
                if int(status) < 400
            ),
            refusals=tuple(status for status in answers if int(status) >= 400),
            example=self._curl(path, method, given, body),
        )

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself, behind whatever leads to it."""
        while "$ref" in schema or len(schema.get("allOf", ())) == 1:
            if "allOf" in schema:
                kept = {key: value for key, value in schema.items() if key != "allOf"}
                schema = {**self.resolved(schema["allOf"][0]), **kept}
                continue
            kept = {key: value for key, value in schema.items() if key != "$ref"}
            name = schema["$ref"].rpartition("/")[2]
            schema = {**self.document["components"]["schemas"][name], **kept}
        return schema

    def rows(self, schema: Schema, depth: int = 0) -> Iterator[FieldRow]:
        """The fields of an object, those inside them set in."""
        if depth > DEEPEST:
            return
        schema = self.resolved(schema)
        for choice in schema.get("oneOf", ()):
            yield from self._choice(self.resolved(choice), depth)
        needed = schema.get("required", ())
        for name, given in schema.get("properties", {}).items():
            found = self.resolved(given)
            is_needed = name in needed
            text = given.get("description") or _first(found.get("description", ""))
            yield FieldRow(name, self.kind(found), is_needed, text, depth)
            yield from self.rows(self._inside(found), depth + 1)

    def _choice(self, choice: Schema, depth: int) -> Iterator[FieldRow]:
        """One of several shapes: an edit by its name, an outcome by its first word."""
        shape = choice.get("properties", {})
        if not shape:
            return
        name, fixed = next(iter(shape.items()))
        values = [fixed["const"]] if "const" in fixed else fixed.get("enum", [])
        if len(values) != 1:
            yield from self.rows(choice, depth)
            return
        value = values[0]
        title = f'"{name}": "{value}"'
        text = _first(choice.get("description", ""))
        yield FieldRow(title, "", is_needed=False, text=text, depth=depth)
        left = {key: value for key, value in shape.items() if key != name}
        yield from self.rows({**choice, "properties": left}, depth + 1)

    def _inside(self, schema: Schema) -> Schema:
        if schema.get("type") == "array":
            return self.resolved(schema.get("items", {}))
        more = schema.get("additionalProperties")
        return self.resolved(more) if isinstance(more, Mapping) else schema

    def kind(self, schema: Schema) -> str:
        """What a value is, in a word or two."""
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(str(one) for one in schema["enum"] if one is not None)
        if "oneOf" in schema:
            kinds = [self.kind(self.resolved(one)) for one in schema["oneOf"]]
            return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
        given = schema.get("type", "anything")
        kind = " or ".join(given) if isinstance(given, list) else str(given)
        if kind == "array":
            return f"list of {self.kind(self.resolved(schema.get('items', {})))}"
        return f"{kind} ({schema['format']})" if "format" in schema else kind

    # --- an example one can paste

    def _curl(self, path: str, method: str, given: Schema, body: Schema | None) -> str:
        lines = ['curl -H "Authorization: Bearer $TOKEN"']
        if method != "get":
            lines[0] = lines[0].replace("curl", f"curl -X {method.upper()}", 1)
        if any(one["name"] == "If-Match" for one in given.get("parameters", ())):
            lines.append("""-H 'If-Match: "7"'""")
        if body:
            lines.append("-H 'Content-Type: application/json'")
            lines.append(f"-d '{json.dumps(self.sample(body), ensure_ascii=False)}'")
        lines.append(f'"$WAYFORK{path}"')
        return " \\\n  ".join(lines)

    def sample(self, schema: Schema) -> Any:
        """A value of this shape: what must be there, and nothing more."""
        schema = self.resolved(schema)
        if "oneOf" in schema:
            return self.sample(schema["oneOf"][0])
        for known in ("const", "default"):
            if known in schema:
                return schema[known]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = schema.get("type", "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            needed = schema.get("required", ())
            shape = schema.get("properties", {})
            return {name: self.sample(shape[name]) for name in needed if name in shape}
        if kind == "array":
            return [self.sample(schema.get("items", {}))]
        simple = {"integer": schema.get("minimum", 1), "number": 1, "boolean": True}
        return simple.get(kind, "…")


def _content(given: Schema) -> Schema | None:
    for found in given.get("content", {}).values():
        schema: Schema | None = found.get("schema")
        return schema
    return None


def _parameters(given: list[Schema]) -> Iterator[FieldRow]:
    for one in given:
        if one["in"] == "path":
            continue
        kind = one["schema"].get("type", "")
        where = "header" if one["in"] == "header" else "address"
        needed = bool(one.get("required"))
        yield FieldRow(one["name"], f"{kind}, {where}", needed, one.get("description", ""))


def _first(text: str) -> str:
    return text.split("\n", 1)[0]
