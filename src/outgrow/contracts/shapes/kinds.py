"""
The kinds of classes that may be records, and what differs between them.

A record is a `msgspec.Struct` (`Record` and `Event` are), a frozen dataclass or a Pydantic v2
model. Everything that must know which one it is stands here. Pydantic is looked at only where a
program has imported it.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec


@dataclass(frozen=True, slots=True)
class OwnField:
    """
    A field as its class says it.

    Attributes:
        hint: Its type hint, resolved.
        default: Its default, or `msgspec.NODEFAULT`.
        factory: What makes the default, if something does.
        encoded: Its name in JSON.
    """

    name: str
    hint: Any
    default: Any
    factory: Callable[[], Any] | None
    encoded: str


@dataclass(frozen=True, slots=True)
class Tag:
    """What tells a record apart in a union: JSON's name for it, and its value."""

    field: str
    value: str


def is_record(cls: type) -> bool:
    """Whether *cls* is of a kind that contracts carry as a record."""
    return is_struct(cls) or dataclasses.is_dataclass(cls) or is_pydantic(cls)


def is_struct(cls: type) -> bool:
    """Whether *cls* is a msgspec struct, as `Record` and `Event` are."""
    return issubclass(cls, msgspec.Struct)


def is_pydantic(cls: type) -> bool:
    """Whether *cls* is a Pydantic v2 model."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def is_frozen(cls: type) -> bool:
    """Whether the fields of a record's class cannot be set again."""
    if is_struct(cls):
        return bool(cls.__struct_config__.frozen)  # type: ignore[attr-defined]
    if is_pydantic(cls):
        return bool(cls.model_config.get("frozen"))  # type: ignore[attr-defined]
    return True


def checks_itself(cls: type) -> bool:
    """Whether a record of *cls* keeps its limits from the moment it is made."""
    return "__outgrow_checked__" in dir(cls) or is_pydantic(cls)


def makes_itself(cls: Any) -> bool:
    """Whether a record of *cls* must be made by its own class, since it does more than keep."""
    if is_struct(cls):
        return False
    if is_pydantic(cls) or hasattr(cls, "__pydantic_validator__"):
        return True
    return not cls.__dataclass_params__.init or cls.__new__ is not object.__new__


def why_no_record(cls: type) -> str | None:
    """What keeps *cls* from being a record although it is of such a kind; None if nothing does."""
    name = cls.__qualname__
    if dataclasses.is_dataclass(cls) and not is_pydantic(cls):
        return _why_no_dataclass(cls, name)
    if is_pydantic(cls):
        return _why_no_model(cls, name)
    if is_struct(cls) and cls.__struct_config__.array_like:  # type: ignore[attr-defined]
        return f"{name} is array_like, and a record is an object in JSON. Leave that out"
    return None


def _why_no_dataclass(cls: Any, name: str) -> str | None:
    if not cls.__dataclass_params__.frozen:
        return f"dataclass {name} can be changed. Write @dataclass(frozen=True)"
    for field in dataclasses.fields(cls):
        if not field.init or field.name.startswith("_"):
            return (
                f"field {field.name!r} of dataclass {name} cannot be given when it is made, so it "
                "cannot be carried. Make it a property, or leave the underscore out"
            )
    given = set(inspect.signature(cls).parameters) - {f.name for f in dataclasses.fields(cls)}
    if given:
        return f"dataclass {name} has an InitVar, which cannot be carried. Make it a field"
    return None


def _why_no_model(cls: Any, name: str) -> str | None:
    pydantic = sys.modules["pydantic"]
    if issubclass(cls, pydantic.RootModel):
        return f"{name} is a RootModel, which has no fields. Use the type that it holds"
    if cls.model_config.get("extra") == "allow":
        return (
            f'Pydantic model {name} keeps unknown fields (extra="allow"), which have no type and '
            "cannot be carried. Name them as fields"
        )
    if cls.model_config.get("use_enum_values"):
        return (
            f"Pydantic model {name} holds the values of its enums instead of them "
            "(use_enum_values), so its fields are not what their types say. Leave that out; JSON "
            "has the values anyway"
        )
    for field, info in cls.model_fields.items():
        said = (info.alias, info.validation_alias, info.serialization_alias)
        names = [one for one in said if one is not None]
        if any(not isinstance(one, str) or one != names[0] for one in names):
            return f"field {field!r} of Pydantic model {name} has several aliases. Give it one"
        if getattr(info, "default_factory_takes_validated_data", False):
            return (
                f"field {field!r} of Pydantic model {name} takes its default from other fields. "
                "Use a validator"
            )
    return None


def tag_of(record: Any) -> Tag | None:
    """What tells *record* apart in a union; None if nothing does."""
    cls = typing.get_origin(record) or record
    if is_struct(cls):
        config = cls.__struct_config__
        return Tag(config.tag_field, config.tag) if isinstance(config.tag, str) else None
    for field in own_fields(record):
        values = typing.get_args(field.hint) if typing.get_origin(field.hint) is Literal else ()
        if len(values) == 1 and isinstance(values[0], str):
            return Tag(field.encoded, values[0])
    return None


def own_fields(record: Any) -> list[OwnField]:
    """
    The fields of *record*, a class or a bound generic, in the order of their definition.

    Raises:
        NameError: A type hint names what cannot be found when the program runs.
    """
    cls = typing.get_origin(record) or record
    if is_struct(cls):
        return _struct_fields(record, cls)
    if is_pydantic(cls):
        return _model_fields(cls)
    return _dataclass_fields(record, cls)


def _struct_fields(record: Any, cls: Any) -> list[OwnField]:
    hints = bound_hints(record)
    found = []
    for field in msgspec.structs.fields(cls):
        factory = field.default_factory
        has_factory = factory is not msgspec.NODEFAULT
        default = factory() if has_factory else field.default
        made_by = factory if has_factory else None
        found.append(
            OwnField(field.name, hints[field.name], default, made_by, str(field.encode_name))
        )
    return found


def _dataclass_fields(record: Any, cls: Any) -> list[OwnField]:
    hints = bound_hints(record)
    found = []
    for field in dataclasses.fields(cls):
        factory: Any = field.default_factory
        made_by = None if factory is dataclasses.MISSING else factory
        default: Any = field.default
        if default is dataclasses.MISSING:
            default = msgspec.NODEFAULT if made_by is None else made_by()
        found.append(OwnField(field.name, hints[field.name], default, made_by, field.name))
    return found


def _model_fields(cls: Any) -> list[OwnField]:
    if not cls.__pydantic_complete__:
        cls.model_rebuild()
    found = []
    for name, info in cls.model_fields.items():
        hint = info.annotation
        if info.metadata:
            hint = Annotated[(hint, *info.metadata)]
        factory = info.default_factory
        default = msgspec.NODEFAULT if info.is_required() else info.get_default()
        if factory is not None:
            default = factory()
        found.append(OwnField(name, hint, default, factory, info.alias or name))
    return found


def bound_hints(record: Any) -> dict[str, Any]:
    """
    The resolved type hints of *record*, type variables replaced by what they are bound to.

    Raises:
        NameError: A hint names what cannot be found when the program runs.
    """
    cls = typing.get_origin(record) or record
    hints = typing.get_type_hints(cls, include_extras=True)
    if not hasattr(cls, "__orig_bases__"):
        return hints
    for owner, bound in _bindings(record, cls).items():
        for name in vars(owner).get("__annotations__", {}):
            own = typing.get_type_hints(owner, include_extras=True)[name]
            if hints.get(name) == own:
                hints[name] = _substitute(own, bound)
    return hints


def _bindings(record: Any, cls: Any) -> dict[type, Mapping[Any, Any]]:
    """What the type variables of each generic class above *record* are bound to."""
    bound = dict(zip(getattr(cls, "__parameters__", ()), typing.get_args(record), strict=False))
    found: dict[type, Mapping[Any, Any]] = {cls: bound}
    for base in getattr(cls, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        if isinstance(origin, type) and hasattr(origin, "__parameters__"):
            found |= _bindings(_substitute(base, bound), origin)
    return found


def _substitute(hint: Any, bound: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return bound.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(bound.get(one, one) for one in parameters)]
