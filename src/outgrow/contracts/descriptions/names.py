"""Names of messages, which the numbers of fields are kept under."""

from __future__ import annotations


def camel(name: str) -> str:
    """*name* in the spelling of protobuf's messages and methods: ``get_order`` is ``GetOrder``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def request_message(method: str) -> str:
    """The message that holds the parameters of *method*."""
    return f"{camel(method)}Request"


def reply_message(method: str) -> str:
    """The message that holds the reply of *method* as its field ``value``."""
    return f"{camel(method)}Reply"


def union_message(message: str, field: str, ordinal: int) -> str:
    """The message of a union in *field* of *message*; *ordinal* counts those in it from 1."""
    return f"{message}.{camel(field)}OneOf{ordinal if ordinal > 1 else ''}"
