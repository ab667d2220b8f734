"""Revisions of a service, executed as modules; both have the same name."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from outgrow.contracts import (
    ContractModel,
    Method,
    event_names,
    is_contract,
    public_events,
    read_contract,
    read_proto,
    write_proto,
)
from outgrow.contracts.descriptions import (
    MessageNumbers,
    Numbers,
    NumbersByPackage,
    ServiceDescription,
    describe_service,
)
from tests.contracts.changes.case import Case, Side

HEAD = """
from __future__ import annotations
import enum
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import Field as Pydantic
from msgspec import field
from outgrow import Contract, Event, Problem, Record, command, query, upcast
"""
SERVICE = "shop"


@dataclass(frozen=True)
class Revision:
    """
    One revision, loaded.

    Attributes:
        names: What its module holds.
        models: Its contracts.
        numbers: The numbers of its messages' fields.
        description: What is compared.
        protos: Its ``.proto`` files by version.
    """

    side: Side
    application: str
    names: dict[str, Any]
    models: list[ContractModel]
    numbers: NumbersByPackage
    description: ServiceDescription
    protos: dict[int, str]
    events: dict[str, type]

    @property
    def methods(self) -> dict[str, Method]:
        return {name: method for model in self.models for name, method in model.methods.items()}

    def evaluate(self, source: str) -> Any:
        return eval(source, dict(self.names))

    def call(self, source: str) -> tuple[str, dict[str, Any]]:
        """The method and the arguments of a call that is written as source."""
        name, _, arguments = source.partition("(")
        return name, self.evaluate(f"dict({arguments}")


@contextmanager
def loaded(case: Case, application: str) -> Iterator[tuple[Revision, Revision]]:
    """Both revisions of *case*; the newer has the numbers that the older has left."""
    modules = []
    try:
        old = _load(case.old, application, "old", {})
        modules.append(f"{application}_old.{SERVICE}.contract")
        numbers = {
            f"{SERVICE}.v{version}": read_proto(text) for version, text in old.protos.items()
        }
        new = _load(case.new, application, "new", numbers)
        modules.append(f"{application}_new.{SERVICE}.contract")
        yield old, new
    finally:
        for module in modules:
            del sys.modules[module]


def _load(side: Side, application: str, age: str, numbers: NumbersByPackage) -> Revision:
    if side.numbers:
        messages = {name: MessageNumbers(taken=taken) for name, taken in side.numbers.items()}
        numbers = {f"{SERVICE}.v1": Numbers(messages)}
    module = types.ModuleType(f"{application}_{age}.{SERVICE}.contract")
    sys.modules[module.__name__] = module
    source = HEAD + side.source
    try:
        exec(compile(source, f"{application}/{age}.py", "exec", dont_inherit=True), vars(module))
        contracts = [
            thing
            for thing in vars(module).values()
            if isinstance(thing, type) and is_contract(thing)
        ]
        models = [read_contract(contract) for contract in contracts]
    except BaseException:
        del sys.modules[module.__name__]
        raise
    events = {
        name: e for e in public_events(f"{application}_{age}.{SERVICE}") for name in event_names(e)
    }
    versions = sorted({model.version for model in models})
    return Revision(
        side=side,
        application=application,
        names=vars(module),
        models=models,
        numbers=numbers,
        description=describe_service(application, SERVICE, models, numbers, with_places=False),
        protos={
            version: write_proto(
                application,
                [model for model in models if model.version == version],
                numbers.get(f"{SERVICE}.v{version}") or Numbers(),
            )
            for version in versions
        },
        events=events,
    )
