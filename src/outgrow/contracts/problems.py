"""Problems: declared refusals, which are replies and arrive as the same type everywhere."""

from __future__ import annotations

import inspect
import re
import string
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import msgspec

from outgrow.contracts.codecs import (
    decoder,
    encode_ordered,
    encoder,
    is_native,
    range_check,
    strict_decoder,
)
from outgrow.contracts.places import caller_place, service_name
from outgrow.contracts.shapes import (
    Field,
    RecordShape,
    compile_fields_check,
    fields_of,
    resolve_hints,
)
from outgrow.errors import Finding, InvalidContract

STATUSES = {
    "invalid_argument": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "already_exists": 409,
    "failed_precondition": 409,
    "aborted": 409,
    "out_of_range": 422,
    "resource_exhausted": 429,
}
"""The gRPC status names that a problem may have, and the HTTP status that each becomes."""

_RESERVED = {"args", "status", "with_traceback", "add_note"}


@dataclass_transform(kw_only_default=True)
class Problem(Exception):
    """
    A refusal that a method's contract declares: a reply, not a failure.

    The docstring of a subclass is its message; ``{field}`` is replaced by the field's value. Fields
    are written as in a record. A problem is remembered under the caller's key like any other reply,
    and what the method did until then is rolled back.
    """

    status: ClassVar[str]

    def __init_subclass__(cls, *, status: str = "failed_precondition") -> None:
        findings, place = [], caller_place(1)
        if status not in STATUSES:
            findings.append(
                Finding(
                    place=place,
                    message=f"problem {cls.__name__} has the status {status!r}.",
                    remedy=f"A problem has one of: {', '.join(sorted(STATUSES))}.",
                    slug="problem-status",
                )
            )
        names = inspect.get_annotations(cls)
        findings += [
            Finding(
                place=place,
                message=f"problem {cls.__name__} has a field named {name!r}.",
                remedy="Exceptions use that name themselves; choose another.",
                slug="problem-field",
            )
            for name in sorted(_RESERVED & set(names))
        ]
        InvalidContract.raise_if_any(findings)
        cls.status = status

    if not TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None:
            struct = _struct_of(type(self))
            unknown = sorted(fields.keys() - set(struct.__struct_fields__))
            if unknown:
                raise TypeError(f"{type(self).__name__} has no field {unknown[0]!r}")
            record = _make_record(struct, fields)
            for name in record.__struct_fields__:
                setattr(self, name, getattr(record, name))
            super().__init__(self._message())

    def _message(self) -> str:
        return _template(type(self)).format_map(vars(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), problem_fields(self))


def message_fields(problem: type[Problem]) -> set[str]:
    """The names of the fields that the problem's message speaks of."""
    parsed = string.Formatter().parse(_template(problem))
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in parsed if name is not None}


def _template(problem: type[Problem]) -> str:
    return inspect.cleandoc(problem.__dict__.get("__doc__") or problem.__name__)


def problem_type(problem: type[Problem]) -> str:
    """The problem's name on the wire: ``service.Class``."""
    return f"{service_name(problem.__module__)}.{problem.__name__}"


def problem_fields(problem: Problem) -> dict[str, Any]:
    """The problem's fields by name."""
    return {name: getattr(problem, name) for name in _struct_of(type(problem)).__struct_fields__}


def encode_problem(problem: Problem) -> bytes:
    """The problem's fields as JSON."""
    struct = _struct_of(type(problem))
    return encoder(struct)(struct(**problem_fields(problem)))


def decode_problem(problem: type[Problem], body: bytes) -> Problem:
    """The problem whose fields are the JSON object *body*."""
    record = decoder(_struct_of(problem))(body)
    return problem(**{name: getattr(record, name) for name in record.__struct_fields__})


def problem_schema_fields(problem: type[Problem]) -> tuple[Field, ...]:
    """
    The shapes of the problem's fields.

    Raises:
        UnknownShape: A field has a type that contracts cannot carry.
    """
    return fields_of(_struct_of(problem))


def _rebuild(cls: type[Problem], fields: dict[str, Any]) -> Problem:
    return cls(**fields)


def _make_record(struct: type[msgspec.Struct], fields: dict[str, Any]) -> Any:
    """
    The fields as a record, which is what a caller in another process would get.

    Raises:
        msgspec.ValidationError: They do not fit, or not every wire carries them.
    """
    shape = RecordShape(struct)
    if is_native(shape):
        record = msgspec.convert(fields, type=struct, strict=True)
        check = range_check(shape)
        if check is not None:
            check(record)
        return record
    try:
        body = encode_ordered(fields)
    except (TypeError, ValueError) as error:
        raise msgspec.ValidationError(str(error)) from error
    return strict_decoder(struct)(body)


def _struct_of(cls: type[Problem]) -> type[msgspec.Struct]:
    """The record of the problem's fields, made at first use: an exception cannot be a struct."""
    if "__outgrow_struct__" not in cls.__dict__:
        cls.__outgrow_struct__ = _make_struct(cls)  # type: ignore[attr-defined]
    return cls.__outgrow_struct__  # type: ignore[attr-defined,no-any-return]


def _make_struct(cls: type[Problem]) -> type[msgspec.Struct]:
    defaults = {name: getattr(cls, name) for name in vars(cls) if not name.startswith("_")}
    fields: list[Any] = [
        (name, hint, defaults[name]) if name in defaults else (name, hint)
        for name, hint in resolve_hints(cls).items()
        if name != "status"
    ]
    struct = msgspec.defstruct(cls.__name__, fields, frozen=True, kw_only=True)
    check = compile_fields_check(fields_of(struct))
    if check is None:
        return struct
    namespace = {"__post_init__": check}
    return msgspec.defstruct(cls.__name__, fields, frozen=True, kw_only=True, namespace=namespace)
