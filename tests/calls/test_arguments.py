"""Arguments that were kept, and are read by later code."""

from __future__ import annotations

from typing import Annotated

import pytest
from annotated_types import Le

from outgrow.calls import decode_arguments, encode_arguments
from outgrow.contracts import Contract, Method, command, read_contract
from outgrow.errors import EventUnreadable


class Stock(Contract):
    @command()
    async def hold(self, item: str, count: Annotated[int, Le(10)] = 1) -> None: ...


HOLD: Method = read_contract(Stock).methods["hold"]


def test_what_was_kept_comes_back_and_a_new_parameter_has_its_default() -> None:
    assert decode_arguments(HOLD, encode_arguments(HOLD, ("tea", 7))) == ("tea", 7)
    assert decode_arguments(HOLD, b'{"item":"tea"}') == ("tea", 1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"item":"tea","count":11}', "11 is not at most 10"),  # the limit was tightened
        (b'{"item":7}', "Expected `str`"),
        (b"{}", "item"),
    ],
)
def test_what_does_not_fit_any_more_is_refused(body: bytes, expected: str) -> None:
    with pytest.raises(EventUnreadable, match=expected):
        decode_arguments(HOLD, body)
