"""All types of contracts, for records of every kind, held against Google's protobuf."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import (
    Contract,
    ContractModel,
    ListOf,
    Method,
    RecordShape,
    parts_of,
    query,
    read_contract,
    read_proto,
    write_proto,
)
from outgrow.contracts.descriptions import Numbers
from tests.calls.grpc.google import fill, frozen, message
from tests.contracts import strategies


def mirror_of(record: Any) -> tuple[ContractModel, Method]:
    """A contract with one method, which takes a *record* and gives it back."""

    async def mirror(self, value): ...

    mirror.__annotations__ = {"value": record, "return": record}
    body = {"__module__": strategies.__name__, "mirror": query()(mirror)}
    contract = types.new_class("Mirror", (Contract,), {}, lambda own: own.update(body))
    model = read_contract(contract)
    return model, model.methods["mirror"]


@st.composite
def cases(draw: st.DrawFn, kind: str) -> tuple[type, list[Any]]:
    record = draw(strategies.records(kind))
    value = strategies.values(RecordShape(record), finite=False)
    return record, draw(st.lists(value, min_size=1, max_size=4))


def sets_in(shape: Any, seen: set[Any]) -> bool:
    from outgrow.contracts import fields_of

    if isinstance(shape, ListOf) and shape.kind in ("set", "frozenset"):
        return True
    if isinstance(shape, RecordShape) and shape.record not in seen:
        seen.add(shape.record)
        return any(sets_in(field.shape, seen) for field in fields_of(shape.record))
    return any(sets_in(part, seen) for part in parts_of(shape))


def check(record: type, values: list[Any]) -> None:
    model, method = mirror_of(record)
    conversion = Converters(Messages("shop", [model])).of(method)
    pool = frozen(model)
    fields = [parameter.field for parameter in method.parameters]
    name = f"shop.{model.service}.v1.MirrorRequest"
    for value in values:
        body = conversion.encode_request(value)
        parsed = message(pool, name)
        parsed.MergeFromString(body)
        assert conversion.decode_request(body) == [value]
        assert not list(unknown(parsed))
        theirs = fill(message(pool, name), fields, [value])
        if not sets_in(RecordShape(record), set()):
            assert parsed == theirs
        assert conversion.decode_request(theirs.SerializeToString()) == [value]
        assert conversion.decode_request(parsed.SerializeToString()) == [value]
        reply = conversion.encode_reply(value)
        assert conversion.decode_reply(reply) == value
        assert conversion.encode_reply(conversion.decode_reply(reply)) == reply


def unknown(parsed: Any) -> Any:
    from google.protobuf.unknown_fields import UnknownFieldSet

    yield from UnknownFieldSet(parsed)
    for _, value in parsed.ListFields():
        if hasattr(value, "ListFields"):
            yield from unknown(value)


@pytest.mark.parametrize("kind", strategies.KINDS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_value_comes_back_and_is_to_google_what_it_is_to_us(kind, data):
    check(*data.draw(cases(kind)))


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", strategies.KINDS)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_many_values_come_back_and_are_to_google_what_they_are_to_us(kind, data):
    check(*data.draw(cases(kind)))


@pytest.mark.parametrize("kind", strategies.KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_numbers_read_back_give_the_same_text(kind, data):
    model, _ = mirror_of(data.draw(strategies.records(kind)))

    text = write_proto("shop", [model], Numbers())

    assert write_proto("shop", [model], read_proto(text)) == text


@pytest.mark.parametrize("record", [r for k in strategies.OF_KIND.values() for r in (k.tree,)])
def test_records_that_hold_themselves_are_deep_up_to_protobufs_limit(record):
    model, method = mirror_of(record)
    conversion = Converters(Messages("shop", [model])).of(method)
    value = record(name="leaf")
    for n in range(99):
        value = record(name=str(n), parent=value)

    assert conversion.decode_request(conversion.encode_request(value)) == [value]
    with pytest.raises(Exception, match="lies more than 100 deep") as caught:
        conversion.encode_request(record(name="root", parent=value))
    assert type(caught.value).__name__ == "ArgumentsRefused"


def test_kinds_of_records_are_those_of_the_suite():
    assert dataclasses.is_dataclass(strategies.OF_KIND["dataclass"].leaf)
