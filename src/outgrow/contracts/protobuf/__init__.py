"""
Contracts as protobuf: how shapes become messages, and the text that others compile.

Floor: words; a room inside contracts. Pure: knows the language, not Google's library.
Uses: of contracts the model, the shapes and the numbers.
Offers: the layout of a package as plain data, its ``.proto`` as text, and the numbers read back.
"""

from outgrow.contracts.protobuf.foreign import foreign_protos
from outgrow.contracts.protobuf.layout import lay_out, package_key
from outgrow.contracts.protobuf.names import camel, member_name, value_prefix
from outgrow.contracts.protobuf.proto import (
    ProtoEnum,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from outgrow.contracts.protobuf.reading import read_proto
from outgrow.contracts.protobuf.writing import write_proto

__all__ = [
    "ProtoEnum",
    "ProtoField",
    "ProtoFile",
    "ProtoMessage",
    "ProtoMethod",
    "ProtoService",
    "camel",
    "foreign_protos",
    "lay_out",
    "member_name",
    "package_key",
    "read_proto",
    "value_prefix",
    "write_proto",
]
