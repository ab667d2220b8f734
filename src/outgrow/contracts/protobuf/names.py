"""How names of Python become names of protobuf."""

from __future__ import annotations

import re

from outgrow.contracts.descriptions import PLAIN, camel, member_name

__all__ = ["PLAIN", "camel", "json_name", "member_name", "value_key", "value_prefix"]


def json_name(name: str) -> str:
    """The name in JSON that protobuf gives to a field that does not say one."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def value_key(enum: str, member: str) -> str:
    """What protobuf tells the value *member* of the enumeration *enum* by, beside the others."""
    value, told = value_prefix(enum) + member, enum.replace("_", "").lower()
    letters = [at for at, letter in enumerate(value, start=1) if letter != "_"]
    rest = value[letters[len(told) - 1] if told else 0 :].lstrip("_") or value
    return "".join(word[:1].upper() + word[1:].lower() for word in rest.split("_"))


def value_prefix(enum: str) -> str:
    """What the values of the enumeration *enum* begin with, such as ``ORDER_STATE_``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum).upper() + "_"
