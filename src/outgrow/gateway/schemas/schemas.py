"""JSON Schema of what contracts carry."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Literal

import msgspec

from outgrow.contracts import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
    is_record,
    is_struct,
    service_name,
    service_package,
)
from outgrow.gateway.schemas.scalars import (
    Json,
    choice_schema,
    key_schema,
    limits_schema,
    scalar_schema,
    words_schema,
)

_EMPTY: tuple[Any, ...] = (list, dict, set, frozenset, tuple)
"""Factories whose default is always the same."""

REFERENCE = "#/components/schemas/"


class Schemas:
    """
    Makes schemas, and collects those of records as components.

    A component is named ``service.Class``, so that its name does not change when another service
    has a class of the same name.

    Args:
        dialect: OpenAPI 3.1 speaks JSON Schema 2020-12, AsyncAPI 3.0 draft 7 with a discriminator
            that is only a name.
    """

    def __init__(self, dialect: Literal["openapi", "asyncapi"] = "openapi") -> None:
        self.components: dict[str, Json] = {}
        self._is_openapi = dialect == "openapi"
        self._names: dict[Any, str] = {}
        self._tags: dict[str, tuple[str, str]] = {}

    def of(self, shape: Shape) -> Json:  # noqa: C901, PLR0911 - one for each shape
        """The schema of *shape*."""
        match shape:
            case Scalar():
                return scalar_schema(shape)
            case Choice():
                return choice_schema(shape)
            case OneValueOf(values=values):
                return words_schema(list(values))
            case ListOf():
                return self._list(shape)
            case TupleOf(items=items):
                return self._tuple([self.of(item) for item in items])
            case MapOf():
                return self._map(shape)
            case Maybe(item=item):
                return {"anyOf": [self.of(item), {"type": "null"}]}
            case RecordShape():
                return {"$ref": REFERENCE + self._record(shape)}
            case OneOf():
                return self._one_of(shape)
            case Nothing():
                return {"type": "null"}

    def of_fields(self, fields: tuple[Field, ...]) -> Json:
        """The schema of an object with *fields*, by their names in JSON."""
        properties = {field.encoded: self.of_field(field) for field in fields}
        required = [field.encoded for field in fields if field.is_required]
        schema: Json = {"type": "object", "properties": properties}
        return {**schema, "required": required} if required else schema

    def of_field(self, field: Field) -> Json:
        """The schema of a field, with its default; None means that it may be left out."""
        return self.with_default(self.of(field.shape), field)

    def with_default(self, schema: Json, field: Field) -> Json:
        """*schema* with the default of *field*, if that is always the same."""
        default = field.default
        is_made = field.factory is not None and field.factory not in _EMPTY
        if default is msgspec.NODEFAULT or default is None or is_made:
            return schema
        if "$ref" in schema and not self._is_openapi:
            schema = {"allOf": [schema]}  # Draft 7 reads nothing beside a reference.
        return {**schema, "default": _plain(default)}

    def _list(self, shape: ListOf) -> Json:
        unique = {"uniqueItems": True} if shape.kind in ("set", "frozenset") else {}
        return {
            "type": "array",
            "items": self.of(shape.item),
            **unique,
            **limits_schema(shape.limits, "list"),
        }

    def _tuple(self, items: list[Json]) -> Json:
        length = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        if not items:
            return length
        if self._is_openapi:
            return {**length, "prefixItems": items, "items": False}
        return {**length, "items": items, "additionalItems": False}

    def _map(self, shape: MapOf) -> Json:
        names = key_schema(shape.key)
        return {
            "type": "object",
            **({"propertyNames": names} if names else {}),
            "additionalProperties": self.of(shape.value),
            **limits_schema(shape.limits, "map"),
        }

    def _one_of(self, shape: OneOf) -> Json:
        references = {}
        for tag, record in shape.members:
            name = self._record(record)
            self._tags[name] = (shape.tag_field, tag)
            self._tag(name)
            references[tag] = REFERENCE + name
        discriminator: Any = shape.tag_field
        if self._is_openapi:
            discriminator = {"propertyName": shape.tag_field, "mapping": references}
        members = [{"$ref": reference} for reference in references.values()]
        return {"oneOf": members, "discriminator": discriminator}

    def _tag(self, name: str) -> None:
        """Say in the component *name* that its tag must be given, once it is made."""
        component = self.components[name]
        if name not in self._tags or not component:
            return
        field, tag = self._tags[name]
        if field not in component["properties"]:
            component["properties"] = {field: words_schema([tag]), **component["properties"]}
        required = [field, *component.get("required", ())]
        component["required"] = [one for one in component["properties"] if one in required]

    def of_event(self, event: type, name: str, fields: tuple[Field, ...], doc: str) -> str:
        """A reference to the component of *event*, which is called *name* on the wire."""
        if self.find(event) is None:
            self._fill(self.claim(event, name), fields, doc)
        return f"{REFERENCE}{self.find(event)}"

    def claim(self, thing: Any, *names: str) -> str:
        """The component of *thing*: the first of *names* that is free, else one with a number."""
        taken = set(self._names.values())
        numbered = (f"{names[-1]}_{n}" for n in range(2, len(taken) + 3))
        name = next(name for name in (*names, *numbered) if name not in taken)
        self._names[thing] = name
        # Its place is taken before its fields are read, since records may be recursive.
        self.components[name] = {}
        return name

    def find(self, thing: Any) -> str | None:
        """The component that *thing* has claimed."""
        return self._names.get(thing)

    def _record(self, shape: RecordShape) -> str:
        found = self.find(shape.record)
        if found is not None:
            return found
        module = shape.cls.__module__
        service = service_name(module)
        inside = module.removeprefix(service_package(module)).removeprefix(".contract")
        name = self.claim(
            shape.record, f"{service}.{shape.name}", f"{service}{inside}.{shape.name}"
        )
        tag = tag_of_struct(shape.cls)
        if tag is not None:
            self._tags[name] = tag
        self._fill(name, fields_of(shape.record), _doc(shape.cls))
        return name

    def _fill(self, name: str, fields: tuple[Field, ...], doc: str) -> None:
        schema = self.of_fields(fields)
        self.components[name].update({**schema, "description": doc} if doc else schema)
        self._tag(name)


def _plain(value: Any) -> Any:
    """A default as JSON."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if not is_record(type(value)):
        return msgspec.to_builtins(value)
    fields = fields_of(type(value))
    tag = tag_of_struct(type(value))
    own = {field.encoded: _plain(getattr(value, field.name)) for field in fields}
    return {tag[0]: tag[1], **own} if tag else own


def tag_of_struct(cls: Any) -> tuple[str, str] | None:
    """The tag that msgspec writes into *cls* beside its fields: its name and value, if it does."""
    if not is_struct(cls) or not isinstance(cls.__struct_config__.tag, str):
        return None
    return cls.__struct_config__.tag_field, cls.__struct_config__.tag


def _doc(cls: type) -> str:
    doc = cls.__dict__.get("__doc__") or ""
    if dataclasses.is_dataclass(cls) and doc.startswith(f"{cls.__name__}("):
        return ""  # Dataclasses write their signature where nobody has written anything.
    return inspect.cleandoc(doc)
