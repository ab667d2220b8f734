"""How names of Python become names of protobuf."""

from __future__ import annotations

import re

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What protobuf takes for a name."""


def camel(name: str) -> str:
    """*name* in the spelling of protobuf's messages and methods: ``get_order`` is ``GetOrder``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def json_name(name: str) -> str:
    """The name in JSON that protobuf gives to a field that does not say one."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def member_name(tag: str) -> str:
    """The field that holds the member *tag* of a union: the tag, where it is a plain name."""
    if PLAIN.fullmatch(tag):
        return tag
    plain = re.sub(r"[^A-Za-z0-9_]", "_", tag)
    return plain if PLAIN.fullmatch(plain) else f"_{plain}"


def value_prefix(enum: str) -> str:
    """What the values of the enumeration *enum* begin with, such as ``ORDER_STATE_``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum).upper() + "_"
