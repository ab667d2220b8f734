"""What the methods of a contract speak of, at any depth, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outgrow.contracts.declarations import declaration_of, is_contract
from outgrow.contracts.fitting import why_unfit_default
from outgrow.contracts.places import contract_modules, place_of, service_package
from outgrow.contracts.problems import Problem, problem_type
from outgrow.contracts.shapes import (
    Choice,
    RecordShape,
    Scalar,
    Shape,
    UnknownShape,
    fields_of,
    parts_of,
)
from outgrow.errors import Finding


class Reached:
    """The records and enumerations of one contract, each read once."""

    def __init__(self) -> None:
        self._records: dict[Any, RecordShape] = {}
        self._enums: dict[Any, str] = {}

    def read(self, shape: Shape) -> None:
        """
        Read the fields of all records inside *shape*, so that what is wrong is found now.

        Raises:
            UnknownShape: One has a type that contracts cannot carry.
        """
        if isinstance(shape, Scalar) and shape.kind == "secret":
            message = "a secret never leaves its process. Keep it in the service's settings"
            raise UnknownShape(message)
        if isinstance(shape, Choice):
            self._enums[shape.enum] = shape.enum.__name__
        for part in parts_of(shape):
            self.read(part)
        if isinstance(shape, RecordShape) and shape.record not in self._records:
            fields = fields_of(shape.record)
            self._records[shape.record] = shape
            for field in fields:
                self.read(field.shape)

    def findings(self) -> Iterator[Finding]:
        """Defaults that are none, and names that mean two things."""
        for shape in self._records.values():
            yield from _default_findings(shape)
        yield from self._namesakes()

    def _namesakes(self) -> Iterator[Finding]:
        seen: dict[str, type] = {}
        named = [(shape.name, shape.record, shape.cls) for shape in self._records.values()]
        named += [(name, enum, enum) for enum, name in self._enums.items()]
        first: dict[str, Any] = {}
        for name, thing, cls in named:
            other = first.setdefault(name, thing)
            seen.setdefault(name, cls)
            if other != thing:
                yield Finding(
                    place=place_of(cls),
                    message=f"{cls.__module__}.{cls.__qualname__} and "
                    f"{seen[name].__module__}.{seen[name].__qualname__} are both {name!r} in one "
                    "contract.",
                    remedy="On the wire a name means one thing. Give one of them another name, "
                    f"or the contract another version; the other stands at {place_of(seen[name])}.",
                    slug="name-twice",
                )


def _default_findings(shape: RecordShape) -> Iterator[Finding]:
    for field in fields_of(shape.record):
        reason = why_unfit_default(field)
        if reason is not None:
            yield Finding(
                place=place_of(shape.cls),
                message=f"the default {field.default!r} of field {field.name!r} of {shape.name} "
                f"{reason}.",
                remedy="Who leaves the field out would be given it. Give a default that fits, or "
                "none.",
                slug="default-unfit",
            )


def namesakes(contract: type) -> Iterator[Finding]:
    """Problems of one name in *contract*, and contracts of its name and version."""
    problems: dict[str, type[Problem]] = {}
    for problem in _problems_of(contract):
        name = problem_type(problem)
        other = problems.setdefault(name, problem)
        if other is not problem:
            yield Finding(
                place=place_of(problem),
                message=f"problem {problem.__name__} in {problem.__module__} and that in "
                f"{other.__module__} are both {name!r}.",
                remedy="Callers know a problem by that name. Give one of them another.",
                slug="problem-twice",
            )
    version: int = contract.__outgrow_version__  # type: ignore[attr-defined]
    for other in _contracts_beside(contract):
        if (other.__name__, other.__outgrow_version__) == (contract.__name__, version):
            yield Finding(
                place=place_of(contract),
                message=f"contract {contract.__name__} of version {version} is defined twice.",
                remedy=f"The other stands at {place_of(other)}. Give one of them another name, or "
                f"another version: class {contract.__name__}V2(Contract, version=2).",
                slug="contract-name-taken",
            )


def _problems_of(contract: type) -> list[type[Problem]]:
    declarations = [declaration_of(member) for member in vars(contract).values()]
    declared: list[Any] = [p for one in declarations if one is not None for p in one.raises]
    own = [one for one in declared if isinstance(one, type) and issubclass(one, Problem)]
    return list(dict.fromkeys(own))


def _contracts_beside(contract: type) -> list[Any]:
    """The other contracts of its service."""
    package = service_package(contract.__module__)
    things = [thing for module in contract_modules(package) for thing in vars(module).values()]
    own = [t for t in things if is_contract(t) and service_package(t.__module__) == package]
    return [thing for thing in dict.fromkeys(own) if thing is not contract]
