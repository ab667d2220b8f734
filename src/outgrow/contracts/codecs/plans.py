"""
Which type msgspec decodes to, and what is made of that.

msgspec decodes structs, dataclasses and all single values itself. Where a value holds a Pydantic
model, a dataclass with an `__init__` of its own, or a union of others than structs, it decodes to
shadows instead: structs with the same fields, from which the records are then made by their own
classes, so that validators run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Union

import msgspec

from outgrow.contracts.codecs.lifting import Lift, lift_each, lift_items, lift_map, record_lift
from outgrow.contracts.codecs.remembering import remembered
from outgrow.contracts.shapes import (
    SCALARS,
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
    is_struct,
    makes_itself,
    parts_of,
)

_TYPES = {kind: cls for cls, kind in SCALARS.items()}
_ELLIPSIS = {"tuple": ", ..."}


@dataclass(frozen=True, slots=True)
class Plan:
    """
    How a value is decoded.

    Attributes:
        type: What msgspec decodes to.
        lift: What makes the value from that; None if it is the value.
    """

    type: Any
    lift: Lift | None


def plan_of(shape: Shape) -> Plan:
    """The plan for values of *shape*."""
    planner = _Planner()
    source, lift = planner.text(shape), planner.lift(shape)
    planner.finish()
    return Plan(planner.resolve(source), lift)


@remembered
def is_native(shape: Shape) -> bool:
    """Whether msgspec alone makes values of *shape*, and all that they hold."""
    return not _needs_shadow(shape, set())


def _needs_shadow(shape: Shape, seen: set[Any]) -> bool:
    match shape:
        case OneOf(members=members) if not all(is_struct(one.cls) for _, one in members):
            return True
        case RecordShape(record=record):
            if record in seen:
                return False
            seen.add(record)
            if makes_itself(shape.cls):
                return True
            return any(_needs_shadow(field.shape, seen) for field in fields_of(record))
    return any(_needs_shadow(part, seen) for part in parts_of(shape))


class _Planner:
    """
    Makes the shadows for one value.

    Types are written as source, since records may hold themselves; every name in it is in `_names`.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"Union": Union, "Unset": msgspec.UnsetType}
        self._shadows: dict[tuple[Any, bool], type[msgspec.Struct]] = {}
        self._lifts: dict[tuple[Any, bool], Lift] = {}
        self._texts: dict[tuple[Any, bool], str] = {}

    def resolve(self, source: str) -> Any:
        return eval(source, self._names)  # noqa: S307 - made here, from no text of a user

    def finish(self) -> None:
        """Let the shadows find the names that stand in their types."""
        for shadow in self._shadows.values():
            for name, thing in self._names.items():
                if not name.startswith("__"):
                    setattr(shadow, name, thing)

    def text(self, shape: Shape) -> str:  # noqa: PLR0911 - one shape, one answer
        match shape:
            case Scalar(kind=kind):
                return self._name(_TYPES[kind])
            case Choice(enum=cls):
                return self._name(cls)
            case OneValueOf(values=values):
                return self._name(Literal[values])
            case ListOf(item=item, kind=kind):
                return f"{_held_as(kind, item)}[{self.text(item)}{_ELLIPSIS.get(kind, '')}]"
            case TupleOf(items=items):
                return f"tuple[{', '.join(map(self.text, items)) or '()'}]"
            case MapOf(key=key, value=value):
                return f"dict[{self.text(key)}, {self.text(value)}]"
            case Maybe(item=item):
                return f"Union[{self.text(item)}, None]"
            case OneOf(members=members):
                texts = [self._record(one, tag, shape.tag_field) for tag, one in members]
                return f"Union[{', '.join(texts)}]"
            case RecordShape():
                return self._record(shape, None, "")
        return "None"

    def _name(self, thing: Any) -> str:
        name = f"_t{len(self._names)}"
        self._names[name] = thing
        return name

    def _record(self, shape: RecordShape, tag: str | None, tag_field: str) -> str:
        if is_native(shape) and (tag is None or is_struct(shape.cls)):
            return self._name(shape.record)
        key = (shape.record, tag is not None)
        if key not in self._texts:
            self._texts[key] = name = f"_s{len(self._texts)}"
            self._names[name] = self._shadows[key] = self._shadow(shape, tag, tag_field, name)
        return self._texts[key]

    def _shadow(
        self, shape: RecordShape, tag: str | None, tag_field: str, name: str
    ) -> type[msgspec.Struct]:
        own: list[Any] = []
        names: dict[str, str] = {}
        for n, field in enumerate(_shadowed(shape, tag_field)):
            text = self.text(field.shape)
            names[f"f{n}"] = field.encoded
            if field.is_required:
                own.append((f"f{n}", text))
            else:
                own.append((f"f{n}", f"Union[{text}, Unset]", msgspec.UNSET))
        return msgspec.defstruct(
            f"{shape.name}_{name}",
            own,
            kw_only=True,
            rename=names,
            tag=tag,
            tag_field=tag_field or None,
        )

    def lift(self, shape: Shape) -> Lift | None:  # noqa: PLR0911 - one shape, one answer
        """What makes a value of what was decoded; None if that is the value."""
        match shape:
            case ListOf(item=item, kind=kind):
                return lift_each(self.lift(item), kind)
            case TupleOf(items=items):
                return lift_items([self.lift(item) for item in items])
            case MapOf(value=value):
                return lift_map(self.lift(value))
            case Maybe(item=item):
                inner = self.lift(item)
                return inner and (lambda value: None if value is None else inner(value))
            case RecordShape():
                return self._record_lift(shape, None, "")
            case OneOf():
                return self._member_lift(shape)
        return None

    def _member_lift(self, shape: OneOf) -> Lift | None:
        lifts: dict[type, Lift] = {}
        for tag, one in shape.members:
            lift = self._record_lift(one, tag, shape.tag_field)
            if lift is not None:
                lifts[self._shadows[one.record, True]] = lift
        if not lifts:
            return None

        def lift_one(value: Any) -> Any:
            own = lifts.get(type(value))
            return value if own is None else own(value)

        return lift_one

    def _record_lift(self, shape: RecordShape, tag: str | None, tag_field: str) -> Lift | None:
        key = (shape.record, tag is not None)
        if key not in self._shadows:
            return None
        if key not in self._lifts:
            # A record that holds itself finds this one, which looks the real one up when it is used
            self._lifts[key] = lambda value: self._lifts[key](value)  # noqa: PLW0108
            fields = [(f, self.lift(f.shape)) for f in _shadowed(shape, tag_field)]
            fixed = {f.name: tag for f in fields_of(shape.record) if f.encoded == tag_field}
            self._lifts[key] = record_lift(shape.cls, fields, fixed)
        return self._lifts[key]


def _held_as(kind: str, item: Shape) -> str:
    """Shadows are not told apart as their records are, so there is no set of them."""
    return kind if kind in ("list", "tuple") or is_native(item) else "list"


def _shadowed(shape: RecordShape, tag_field: str) -> list[Field]:
    """The fields that a shadow has; the tag is none, msgspec reads it itself."""
    return [field for field in fields_of(shape.record) if field.encoded != tag_field]
