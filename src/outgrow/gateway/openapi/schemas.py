"""JSON Schema of what contracts carry."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from outgrow.contracts import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    Problem,
    RecordShape,
    Scalar,
    Shape,
    fields_of,
    problem_schema_fields,
    service_name,
)

Json = dict[str, Any]

_SCALARS: dict[str, Json] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "double"},
    "str": {"type": "string"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "datetime": {"type": "string", "format": "date-time"},
}
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS = {
    "text": {"min_length": "minLength", "max_length": "maxLength"},
    "list": {"min_length": "minItems", "max_length": "maxItems"},
    "map": {"min_length": "minProperties", "max_length": "maxProperties"},
}


class Schemas:
    """
    Makes schemas, and collects those of records and problems as components.

    A component is named ``service.Class``, so that its name does not change when another service
    has a class of the same name.
    """

    def __init__(self) -> None:
        self.components: dict[str, Json] = {}
        self._names: dict[type, str] = {}

    def of(self, shape: Shape) -> Json:  # noqa: PLR0911 - one for each shape
        """The schema of *shape*."""
        match shape:
            case Scalar(kind=kind, limits=limits):
                return {**_SCALARS[kind], **_limits(limits, "text")}
            case Choice(enum=enum):
                return {"type": "string", "enum": [member.value for member in enum]}
            case ListOf(item=item, limits=limits):
                return {"type": "array", "items": self.of(item), **_limits(limits, "list")}
            case MapOf(value=value, limits=limits):
                values = self.of(value)
                return {
                    "type": "object",
                    "additionalProperties": values,
                    **_limits(limits, "map"),
                }
            case Maybe(item=item):
                return {"anyOf": [self.of(item), {"type": "null"}]}
            case RecordShape(record=record):
                return {"$ref": f"#/components/schemas/{self._record(record)}"}
            case Nothing():
                return {"type": "null"}

    def of_fields(self, fields: tuple[Field, ...]) -> Json:
        """The schema of an object with *fields*."""
        properties = {f.name: with_default(self.of(f.shape), f.default) for f in fields}
        required = [field.name for field in fields if field.is_required]
        schema: Json = {"type": "object", "properties": properties}
        return {**schema, "required": required} if required else schema

    def problem(self, name: str, problem: type[Problem], members: Json) -> Json:
        """A reference to the schema of *problem*, whose usual *members* have known values."""
        component = f"problem.{name}"
        if component not in self.components:
            own = self.of_fields(problem_schema_fields(problem))
            own["properties"] = {**members, **own["properties"]}
            own["description"] = inspect.cleandoc(problem.__doc__ or "")
            base = {"$ref": "#/components/schemas/Problem"}
            self.components[component] = {"allOf": [base, own]}
        return {"$ref": f"#/components/schemas/{component}"}

    def _record(self, record: type) -> str:
        if record not in self._names:
            name = f"{service_name(record.__module__)}.{record.__name__}"
            if name in self._names.values():
                name = f"{record.__module__}.{record.__qualname__}".replace("<", "").replace(
                    ">", ""
                )
            self._names[record] = name
            # Its place is taken before its fields are read, since records may be recursive.
            self.components[name] = {}
            schema = self.of_fields(fields_of(record))
            doc = inspect.cleandoc(record.__dict__.get("__doc__") or "")
            self.components[name].update({**schema, "description": doc} if doc else schema)
        return self._names[record]


def with_default(schema: Json, default: Any) -> Json:
    """*schema* with its default; None means that the value may be left out."""
    if default is msgspec.NODEFAULT or default is None:
        return schema
    return {**schema, "default": msgspec.to_builtins(default)}


def _limits(limits: tuple[Any, ...], kind: str) -> Json:
    names = {**_LIMITS, **_LENGTHS[kind]}
    return {names[limit.name]: limit.value for limit in limits}
