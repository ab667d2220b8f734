"""Service classes: what keeps a contract."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from outgrow.contracts import (
    ContractModel,
    Method,
    UnknownShape,
    contracts_of,
    is_contract,
    place_of,
    read_contract,
    resolve_hints,
    service_name,
    service_package,
)
from outgrow.errors import DefinitionError, Finding, InvalidService
from outgrow.journal import Handler, handlers_of, is_transactional
from outgrow.store import Store
from outgrow.topology import Settings

T = TypeVar("T")


@dataclass_transform(kw_only_default=True)
def service(cls: type[T]) -> type[T]:
    """
    Make *cls* a service: a plain class with typed, keyword-only fields.

    It derives from the contract that it keeps. Its fields say what it needs, and outgrow fills them
    at start: another contract becomes a client of the service that keeps it, `Store` the store that
    this service owns, a subclass of `Settings` its settings. Tests construct it by hand.

    ``async def open(self)`` is awaited before it is given work, ``async def close(self)`` after its
    last. One instance lives as long as the application.

    Raises:
        InvalidService: It cannot keep its contract as it stands.
    """
    InvalidService.raise_if_any(_init_findings(cls) + _method_findings(cls))
    try:
        made = dataclasses.dataclass(kw_only=True, eq=False, repr=False)(cls)
    except (TypeError, ValueError) as error:
        finding = Finding(
            place=place_of(cls),
            message=f"the fields of {cls.__name__} cannot be made: {error}.",
            remedy="A default that can be changed is written field(default_factory=dict), with "
            "field from dataclasses.",
            slug="field-default",
        )
        raise InvalidService([finding]) from error
    made.__outgrow_service__ = True  # type: ignore[attr-defined]
    return made


def is_service(cls: Any) -> bool:
    """Whether *cls* was marked `service`."""
    return isinstance(cls, type) and "__outgrow_service__" in cls.__dict__


def _init_findings(cls: type) -> list[Finding]:
    if "__init__" not in cls.__dict__:
        return []
    return [
        Finding(
            place=place_of(cls.__dict__["__init__"]),
            message=f"{cls.__name__} has an __init__ of its own.",
            remedy="outgrow fills the fields of a service. Name what it needs as typed fields, and "
            "make the rest in 'async def open(self)'.",
            slug="service-init",
        )
    ]


def _method_findings(cls: type) -> list[Finding]:
    """Methods that are missing, or named otherwise than the contract names them."""
    findings = []
    for contract in contracts_of(cls):
        for name, declared in vars(contract).items():
            if not hasattr(declared, "__outgrow_declaration__"):
                continue
            written = getattr(cls, name)
            if written is declared:
                findings.append(
                    Finding(
                        place=place_of(cls),
                        message=f"{cls.__name__} does not implement {contract.__name__}.{name}.",
                        remedy=f"It is declared at {place_of(declared)}; write it, with the same "
                        "parameters.",
                        slug="method-missing",
                    )
                )
            elif _parameter_names(written) != _parameter_names(declared):
                theirs = ", ".join(_parameter_names(declared))
                findings.append(
                    Finding(
                        place=place_of(inspect.unwrap(written)),
                        message=f"the parameters of {cls.__name__}.{name} are named otherwise than "
                        f"those of {contract.__name__}.{name}.",
                        remedy=f"Callers give them by name: {theirs or 'none'}.",
                        slug="parameter-names",
                    )
                )
    return findings


def _parameter_names(method: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(method).parameters)[1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServiceModel:
    """
    A service class, read once.

    Attributes:
        cls: The class.
        name: Short name of the service.
        package: Dotted name of the service's package or module.
        contracts: The contracts that it keeps.
        clients: The contract that each field asks a client of.
        store: The name of the field that asks for the store, if one does.
        settings: The class of settings that each field asks for.
        handlers: What it does when something has happened.
        place: ``file:line`` of its definition.
    """

    cls: type
    name: str
    package: str
    contracts: tuple[ContractModel, ...]
    clients: dict[str, type]
    store: str | None
    settings: dict[str, type[Settings]]
    handlers: tuple[Handler, ...]
    place: str


def read_service(cls: type, findings: list[Finding]) -> ServiceModel | None:
    """
    The model of a service class; what is wrong with it is added to *findings*.

    Returns:
        None if it cannot be read at all.
    """
    place = place_of(cls)
    contracts = []
    for contract in contracts_of(cls):
        try:
            contracts.append(read_contract(contract))
        except DefinitionError as error:
            findings += error.findings
    try:
        hints = resolve_hints(cls)
    except UnknownShape as error:
        findings.append(
            Finding(
                place=place, message=f"{cls.__name__}: {error}.", remedy="", slug="type-unresolved"
            )
        )
        return None
    fields = _Fields(cls, place, findings)
    for field in dataclasses.fields(cls):
        fields.add(field, hints[field.name])
    model = ServiceModel(
        cls=cls,
        name=service_name(cls.__module__),
        package=service_package(cls.__module__),
        contracts=tuple(contracts),
        clients=fields.clients,
        store=fields.store,
        settings=fields.settings,
        handlers=tuple(handlers_of(cls)),
        place=place,
    )
    findings += _promise_findings(model)
    return model


class _Fields:
    """Sorts the fields of a service class by what they ask for."""

    def __init__(self, cls: type, place: str, findings: list[Finding]) -> None:
        self.clients: dict[str, type] = {}
        self.store: str | None = None
        self.settings: dict[str, type[Settings]] = {}
        self._cls = cls
        self._place = place
        self._findings = findings

    def add(self, field: dataclasses.Field[Any], hint: Any) -> None:
        if is_contract(hint):
            self.clients[field.name] = hint
        elif hint is Store:
            self._add_store(field.name)
        elif isinstance(hint, type) and issubclass(hint, Settings):
            self.settings[field.name] = hint
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            shown = getattr(hint, "__name__", str(hint))
            self._find(
                f"field {field.name!r} of {self._cls.__name__} asks for {shown}, which outgrow "
                "cannot give.",
                "Fields ask for a contract, for Store, or for a subclass of Settings. Anything "
                "else needs a default, or is made in 'async def open(self)'.",
                "field-unknown",
            )

    def _add_store(self, name: str) -> None:
        if self.store is not None:
            self._find(
                f"{self._cls.__name__} asks for two stores, {self.store!r} and {name!r}.",
                "A service owns one store. Keep one of the fields.",
                "store-twice",
            )
        self.store = name

    def _find(self, message: str, remedy: str, slug: str) -> None:
        finding = Finding(place=self._place, message=message, remedy=remedy, slug=slug)
        self._findings.append(finding)


def _promise_findings(model: ServiceModel) -> list[Finding]:
    """Implementations that cannot keep what their contract promises."""
    findings = []
    for contract in model.contracts:
        for method in contract.methods.values():
            findings += _method_promise(model, method)
    if model.store is None and (model.handlers or _transactional_names(model.cls)):
        names = [handler.method for handler in model.handlers] + _transactional_names(model.cls)
        findings.append(
            Finding(
                place=model.place,
                message=f"{model.cls.__name__} has no store, but needs one for "
                f"{', '.join(sorted(names))}.",
                remedy="Handlers and transactional methods commit in the service's own store. Add "
                "the field 'store: Store'.",
                slug="store-missing",
            )
        )
    return findings


def _method_promise(model: ServiceModel, method: Method) -> list[Finding]:
    written = getattr(model.cls, method.name)
    place = place_of(inspect.unwrap(written))
    if method.kind == "query" and is_transactional(written):
        return [
            Finding(
                place=place,
                message=f"query {method.name} is implemented as a transaction that writes.",
                remedy="A query changes nothing and may be repeated: read with store.read(), or "
                "declare it a command.",
                slug="query-transactional",
            )
        ]
    return _streaming_findings(model, method, written, place)


def _transactional_names(cls: type) -> list[str]:
    return [name for name, member in inspect.getmembers(cls) if is_transactional(member)]


def _streaming_findings(
    model: ServiceModel, method: Method, written: Any, place: str
) -> list[Finding]:
    """An implementation that is awaited where its contract streams, or the other way round."""
    name, function = f"{model.cls.__name__}.{method.name}", inspect.unwrap(written)
    is_awaited = inspect.iscoroutinefunction(function)
    find = functools.partial(Finding, place=place)
    if method.is_streaming and is_transactional(written):
        found = find(
            message=f"{name} streams, and is implemented as a transaction.",
            remedy="A stream lasts as long as its other end likes, and others wait for a "
            "transaction. Commit items by themselves: call a @transactional method for each.",
            slug="stream-transactional",
        )
    elif method.is_reply_stream and is_awaited:
        found = find(
            message=f"{name} is 'async def' without 'yield', and its contract replies with a "
            "stream.",
            remedy="What is called is iterated, not awaited. Yield the items; to hand on another "
            "stream, 'async for item in stream: yield item'.",
            slug="stream-not-yielded",
        )
    elif method.is_reply_stream and inspect.isgeneratorfunction(function):
        found = find(
            message=f"{name} yields in a plain 'def', and its contract replies with a stream.",
            remedy="A stream is iterated with 'async for'. Write 'async def'.",
            slug="stream-not-yielded",
        )
    elif not method.is_reply_stream and inspect.isasyncgenfunction(function):
        found = find(
            message=f"{name} yields, and its contract replies once.",
            remedy="Return the reply; or let the contract say 'def' and '-> AsyncIterator[...]'.",
            slug="stream-not-declared",
        )
    elif not method.is_reply_stream and not is_awaited:
        found = find(
            message=f"{name} is not 'async def'.",
            remedy="Write it as its contract does.",
            slug="method-not-async",
        )
    else:
        return []
    return [found]
