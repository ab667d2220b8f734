"""How values of one type are kept in the journal and the inbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

from outgrow.contracts import UnknownShape, encode_ordered, encoder, strict_decoder


class Codec(NamedTuple):
    """What writes values as JSON, and what reads them and refuses what other processes would."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes | str], Any]


def codec_of(hint: Any, order: Literal["deterministic"] | None, what: str) -> Codec:
    """
    The codec for values of *hint*.

    What is private to a service may be of types that no contract carries, if msgspec knows them.

    Args:
        what: The values' name in errors.
    """
    try:
        return Codec(encoder(hint, order, what), strict_decoder(hint))
    except UnknownShape:
        return Codec(encode_ordered, msgspec.json.Decoder(hint).decode)
