"""
Contracts as plain data, to be frozen, reported and compared.

Floor: words; a room inside contracts. Pure.
Uses: of contracts the model and the shapes.
Offers: descriptions of services, and the numbers of their messages' fields.
"""

from outgrow.contracts.descriptions.description import (
    FORMAT,
    ContractDescription,
    EnumDescription,
    EnumType,
    EventDescription,
    FieldDescription,
    ListType,
    LiteralType,
    MapType,
    MethodDescription,
    NothingType,
    OptionalType,
    ProblemDescription,
    RecordDescription,
    RecordType,
    ScalarType,
    ServiceDescription,
    TupleType,
    Type,
    UnionType,
)
from outgrow.contracts.descriptions.numbers import MessageNumbers, Numbers, NumbersByPackage

__all__ = [
    "FORMAT",
    "ContractDescription",
    "EnumDescription",
    "EnumType",
    "EventDescription",
    "FieldDescription",
    "ListType",
    "LiteralType",
    "MapType",
    "MessageNumbers",
    "MethodDescription",
    "NothingType",
    "Numbers",
    "NumbersByPackage",
    "OptionalType",
    "ProblemDescription",
    "RecordDescription",
    "RecordType",
    "ScalarType",
    "ServiceDescription",
    "TupleType",
    "Type",
    "UnionType",
]
