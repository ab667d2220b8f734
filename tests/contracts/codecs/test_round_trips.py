"""What is written as JSON is read back equal, for every kind of record and every type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outgrow.contracts import (
    RecordShape,
    convert,
    decoder,
    encode,
    encoder,
    foreign_decoder,
    strict_decoder,
    to_builtins,
)
from tests.contracts.strategies import KINDS, records, values

_SLOW = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@_SLOW
def test_what_is_written_is_read_back_equal(kind: str, data: st.DataObject) -> None:
    cls = data.draw(records(kind))
    value = data.draw(values(RecordShape(cls)))

    body = encoder(cls)(value)

    for read in (decoder(cls), strict_decoder(cls), foreign_decoder(cls)):
        assert same(read(body), value)
    assert same(decoder(cls)(encode(value)), value)
    assert same(convert(to_builtins(value), cls), value)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@_SLOW
def test_equal_values_are_written_as_equal_bytes(kind: str, data: st.DataObject) -> None:
    cls = data.draw(records(kind))
    value = data.draw(values(RecordShape(cls)))

    for order in ("sorted", "deterministic"):
        write: Any = encoder(cls, order)
        body = write(value)
        again = decoder(cls)(body)
        assert same(again, value)
        assert write(again) == body


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one class."""
    return type(one) is type(other) and bool(one == other)
