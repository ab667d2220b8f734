"""Names of messages, which the numbers of fields are kept under."""

from __future__ import annotations

import re

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What protobuf takes for a name."""


def camel(name: str) -> str:
    """*name* in the spelling of protobuf's messages and methods: ``get_order`` is ``GetOrder``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def request_message(method: str) -> str:
    """The message that holds the parameters of *method*."""
    return f"{camel(method)}Request"


def reply_message(method: str) -> str:
    """The message that holds the reply of *method* as its field ``value``."""
    return f"{camel(method)}Reply"


def helper_message(message: str, field: str, kind: str, ordinal: int) -> str:
    """
    A message inside of *message* that only *field* needs.

    Args:
        kind: Such as ``OneOf``. It ends the name, so that two fields never have the same one, if
            they are not spelled alike.
        ordinal: Counts those of the kind in the field from 1.
    """
    return f"{message}.{camel(field)}{kind}{ordinal if ordinal > 1 else ''}"


def union_message(message: str, field: str, ordinal: int) -> str:
    """The message of a union in *field* of *message*; *ordinal* counts those in it from 1."""
    return helper_message(message, field, "OneOf", ordinal)


def member_name(tag: str) -> str:
    """The field that holds the member *tag* of a union: the tag, where it is a plain name."""
    if PLAIN.fullmatch(tag):
        return tag
    plain = re.sub(r"[^A-Za-z0-9_]", "_", tag)
    return plain if PLAIN.fullmatch(plain) else f"_{plain}"
