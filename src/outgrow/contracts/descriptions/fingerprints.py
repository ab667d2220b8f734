"""Fingerprints of contracts: whether two processes mean the same by a call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from outgrow.contracts.descriptions.description import (
    ContractDescription,
    FieldDescription,
    MethodDescription,
)

FINGERPRINT_BYTES = 16

_encode = msgspec.json.Encoder(order="sorted").encode


def fingerprint_of(contract: ContractDescription) -> bytes:
    """
    What two processes compare before one calls the other.

    It covers what a call means: names, parameters with their numbers, defaults and limits, replies,
    which of them are streams, problems and what is promised about repeats, through all records. It
    leaves out what may differ without harm: texts, places in files, the order of things, paths over
    HTTP, permissions, deadlines, and events, which are read by name. It is the same in every
    process, on every version of Python.
    """
    return hashlib.sha256(canonical(contract)).digest()[:FINGERPRINT_BYTES]


def canonical(contract: ContractDescription) -> bytes:
    """The JSON that the fingerprint is taken of."""
    content = {
        "contract": contract.name,
        "version": contract.version,
        "methods": {name: _method(method) for name, method in contract.methods.items()},
        "records": {name: _fields(record.fields) for name, record in contract.records.items()},
        "enums": {name: [enum.values, enum.numbers] for name, enum in contract.enums.items()},
        "problems": {
            name: [problem.status, _fields(problem.fields)]
            for name, problem in contract.problems.items()
        },
    }
    return _encode(content)


def _method(method: MethodDescription) -> dict[str, Any]:
    # What replies once says no more than it did before there were streams.
    streams = {"is_reply_stream": True} if method.is_reply_stream else {}
    return streams | {
        "kind": method.kind,
        "repeat": method.repeat,
        "parameters": _fields(method.parameters),
        "reply": method.reply,
        "problems": sorted(method.problems),
    }


def _fields(fields: Iterable[FieldDescription]) -> dict[str, Any]:
    return {field.name: field for field in fields}
