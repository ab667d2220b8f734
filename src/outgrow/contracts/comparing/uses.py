"""Which methods and events carry a record or an enumeration, and in which direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from outgrow.contracts.comparing.edits import Role, Use
from outgrow.contracts.comparing.fitting import Book
from outgrow.contracts.descriptions import (
    ContractDescription,
    EnumType,
    ListType,
    MapType,
    MethodDescription,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    UnionType,
)


def names_in(types: Iterable[Type], book: Book) -> dict[str, set[bool]]:
    """
    The names of all records and enumerations that *types* speak of, through all records.

    With each name, whether it is the key of a dictionary, or not, or both.
    """
    found: dict[str, set[bool]] = {}
    waiting = [(one, False) for one in types]
    while waiting:
        one, is_key = waiting.pop()
        waiting.extend(_parts(one))
        for name in _names(one):
            is_known = name in found
            found.setdefault(name, set()).add(is_key)
            record = book.records.get(name)
            if record and not is_known:
                waiting += [(field.type, False) for field in record.fields]
    return found


def _parts(one: Type) -> Iterable[tuple[Type, bool]]:
    match one:
        case ListType(item=item) | OptionalType(item=item):
            return ((item, False),)
        case TupleType(items=items):
            return [(item, False) for item in items]
        case MapType(key=key, value=value):
            return ((key, True), (value, False))
    return ()


def _names(one: Type) -> Iterable[str]:
    match one:
        case RecordType(name=name) | EnumType(name=name):
            return (name,)
        case UnionType(members=members):
            return members.values()
    return ()


def use_of(role: Role, name: str, old: MethodDescription, new: MethodDescription) -> Use:
    """
    How the method *name* carries what has the *role* in it.

    The arguments of a command wait in a journal if it is sent, and its replies are remembered.
    """
    return Use(
        role=role,
        owner=name,
        has_http=bool(old.http and new.http),
        is_kept=old.repeat == new.repeat == "idempotent",
    )


class Uses:
    """What the methods that both contracts have carry, by the names of records and enumerations."""

    def __init__(self, old: ContractDescription, new: ContractDescription) -> None:
        self._uses: dict[str, list[Use]] = {}
        for name in [name for name in old.methods if name in new.methods]:
            for contract in (old, new):
                for role, types in _carried(contract, name):
                    use = use_of(role, name, old.methods[name], new.methods[name])
                    self._note(names_in(types, contract), use)

    def _note(self, names: Mapping[str, set[bool]], use: Use) -> None:
        for name, places in names.items():
            uses = self._uses.setdefault(name, [])
            for is_key in sorted(places):
                there = replace(use, is_key=is_key)
                if there not in uses:
                    uses.append(there)

    def of(self, name: str) -> list[Use]:
        """Where the record or enumeration *name* is carried."""
        return self._uses.get(name, [])


def _carried(contract: ContractDescription, name: str) -> Iterator[tuple[Role, list[Type]]]:
    method = contract.methods[name]
    yield "request", [parameter.type for parameter in method.parameters]
    yield "reply", [method.reply]
    problems = [contract.problems[problem] for problem in method.problems]
    yield "problem", [field.type for problem in problems for field in problem.fields]
