"""Google's own protobuf, by the text of a ``.proto``: what ours is compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

from outgrow.contracts import (
    Choice,
    ContractModel,
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
    foreign_protos,
    write_proto,
)
from outgrow.contracts.descriptions import Numbers

SHOP = Path(__file__).parents[3] / "examples/shop"
INCLUDES = str(Path(protoc.__file__).parent / "_proto")


def place(folder: Path, texts: dict[str, str]) -> None:
    """Write *texts*, and what they import, into *folder*."""
    for name, text in {**foreign_protos(), **texts}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def compile_proto(text: str) -> DescriptorPool:
    """The messages of the ``.proto`` *text*, compiled by Google's compiler."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place(folder, {"frozen.proto": text})
        out = folder / "set"
        command = ["protoc", f"-I{folder}", f"-I{INCLUDES}", "--include_imports"]
        assert protoc.main([*command, f"-o{out}", str(folder / "frozen.proto")]) == 0, text
        found = FileDescriptorSet.FromString(out.read_bytes())
    pool = DescriptorPool()
    for file in found.file:
        pool.Add(file)
    return pool


def frozen(model: ContractModel) -> DescriptorPool:
    """The messages of *model* as its frozen ``.proto`` has them."""
    return compile_proto(write_proto("shop", [model], Numbers()))


def message(pool: DescriptorPool, name: str) -> Any:
    """An empty message of the class *name*."""
    return GetMessageClass(pool.FindMessageTypeByName(name))()


def fill(target: Any, fields: Iterable[Field], values: Iterable[Any]) -> Any:
    """*target* with *values*, put there by a converter that knows the rules and is not ours."""
    for field, value in zip(fields, values, strict=True):
        _put(target, field.name, field.shape, value)
    return target


def _put(target: Any, name: str, shape: Shape, value: Any) -> None:
    if isinstance(shape, Maybe):
        if value is None:
            return
        shape = shape.item
        if isinstance(shape, ListOf | MapOf):
            inner = getattr(target, name)
            inner.SetInParent()
            _put(inner, "items", shape, value)
            return
    match shape:
        case ListOf(item=item):
            for part in value:
                _add(getattr(target, name), item, part)
        case MapOf(key=key, value=item):
            for one, part in value.items():
                own = one.value if isinstance(key, Choice) else _single(key, one)
                _set_item(getattr(target, name), own, item, part)
        case _ if _is_message(shape):
            getattr(target, name).SetInParent()
            _copy(getattr(target, name), shape, value)
        case Choice():
            _set_enum(target, name, value)
        case _:
            setattr(target, name, _single(shape, value))


def _is_message(shape: Shape) -> bool:
    if isinstance(shape, Scalar):
        return shape.kind in ("datetime", "timedelta")
    return isinstance(shape, RecordShape | TupleOf | OneOf)


def _set_enum(target: Any, name: str, value: Any) -> None:
    setattr(target, name, _number(target.DESCRIPTOR.fields_by_name[name].enum_type, value))


def _number(enum: Any, value: Any) -> int:
    found = [one.number for one in enum.values if one.name.endswith(f"_{value.name}")]
    return min(found, key=lambda number: len(enum.values_by_number[number].name))


def _add(target: Any, shape: Shape, value: Any) -> None:
    if isinstance(shape, Maybe | ListOf | MapOf):
        inner = target.add()
        _put(inner, "items" if isinstance(shape, ListOf | MapOf) else "value", shape, value)
    elif _is_message(shape):
        _copy(target.add(), shape, value)
    else:
        target.append(_numbered(shape, value))


def _set_item(target: Any, key: Any, shape: Shape, value: Any) -> None:
    if isinstance(shape, Maybe | ListOf | MapOf):
        inner = target[key]
        _put(inner, "items" if isinstance(shape, ListOf | MapOf) else "value", shape, value)
    elif _is_message(shape):
        _copy(target[key], shape, value)
    else:
        target[key] = _numbered(shape, value)


def _numbered(shape: Shape, value: Any) -> Any:
    # Without a committed file, members are numbered in their order.
    if isinstance(shape, Choice):
        return list(shape.enum).index(value) + 1
    return _single(shape, value)


def _copy(target: Any, shape: Shape, value: Any) -> None:
    match shape:
        case Scalar(kind="datetime"):
            since = value - datetime(1970, 1, 1, tzinfo=UTC)
            target.seconds = since // timedelta(seconds=1)
            target.nanos = since % timedelta(seconds=1) // timedelta(microseconds=1) * 1000
        case Scalar(kind="timedelta"):
            target.FromTimedelta(value)
        case RecordShape(record=record):
            fields = fields_of(record)
            fill(target, fields, [getattr(value, field.name) for field in fields])
        case TupleOf(items=items):
            for n, (item, part) in enumerate(zip(items, value, strict=True), start=1):
                _put(target, f"item_{n}", item, part)
        case OneOf(members=members):
            for tag, member in members:
                if type(value) is member.cls:
                    _put(target, tag, member, value)


def _single(shape: Shape, value: Any) -> Any:
    if isinstance(shape, OneValueOf) or not isinstance(shape, Scalar):
        return value
    if shape.kind in ("decimal", "uuid"):
        return str(value)
    return value.isoformat() if isinstance(value, date | time) else value
