"""
Typed values as JSON and back.

Floor: words; a room inside contracts. Pure.
Uses: of contracts the shapes.
Offers: decoders and encoders for records of every kind, and the strict ones for what comes from
outside.
"""

from outgrow.contracts.codecs.arriving import DECIMAL_CHARACTERS_MAX, range_check
from outgrow.contracts.codecs.decoding import (
    convert,
    converter,
    decoder,
    foreign_decoder,
    strict_decoder,
)
from outgrow.contracts.codecs.doubles import refuse_duplicates
from outgrow.contracts.codecs.encoding import encode, encode_ordered, encoder, to_builtins
from outgrow.contracts.codecs.finite import NotFinite, check_finite
from outgrow.contracts.codecs.lifting import maker
from outgrow.contracts.codecs.misfits import Misfit
from outgrow.contracts.codecs.ordering import lowering
from outgrow.contracts.codecs.plans import is_native

__all__ = [
    "DECIMAL_CHARACTERS_MAX",
    "Misfit",
    "NotFinite",
    "check_finite",
    "convert",
    "converter",
    "decoder",
    "encode",
    "encode_ordered",
    "encoder",
    "foreign_decoder",
    "is_native",
    "lowering",
    "maker",
    "range_check",
    "refuse_duplicates",
    "strict_decoder",
    "to_builtins",
]
