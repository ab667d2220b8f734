"""
Contracts as plain data, to be frozen, reported and compared.

Floor: words; a room inside contracts. Pure.
Uses: of contracts the model and the shapes.
Offers: descriptions of services, their fingerprints, and the numbers of their messages' fields.
"""

from outgrow.contracts.descriptions.describing import describe_service
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
from outgrow.contracts.descriptions.fingerprints import FINGERPRINT_BYTES, fingerprint_of
from outgrow.contracts.descriptions.names import (
    PLAIN,
    camel,
    helper_message,
    member_name,
    reply_message,
    request_message,
    union_message,
)
from outgrow.contracts.descriptions.numbers import MessageNumbers, Numbers, NumbersByPackage

__all__ = [
    "FINGERPRINT_BYTES",
    "FORMAT",
    "PLAIN",
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
    "camel",
    "describe_service",
    "fingerprint_of",
    "helper_message",
    "member_name",
    "reply_message",
    "request_message",
    "union_message",
]
