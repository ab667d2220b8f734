"""Build the services of an application, each with what its fields ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outgrow.calls import Client, Invoke, client_class, connect
from outgrow.clock import Clock
from outgrow.context import SYSTEM, Caller
from outgrow.contracts import ContractModel, Method
from outgrow.errors import Finding, InvalidService
from outgrow.process.service import ServiceModel
from outgrow.store import Store
from outgrow.topology import Plan, Settings, fill_settings


class Clients:
    """
    Makes clients of the contracts of one application.

    They are made before the transport is there, because services need each other's clients and the
    transport needs the services; `connect` joins them when all exist.
    """

    def __init__(self, models: list[ContractModel], clock: Clock) -> None:
        self._models = {model.contract: model for model in models}
        self._classes = {model.contract: client_class(model) for model in models}
        self._clock = clock
        self._waiting: list[Client] = []
        self._bind: Callable[[Method], Invoke] | None = None

    def make(self, contract: type, *, via: str = "", caller: Caller = SYSTEM) -> Client:
        """
        A client of *contract*.

        Args:
            via: The service that calls; empty for one that calls from outside.
            caller: Who calls, where there is no execution that knows it.
        """
        client = self._classes[contract](
            self.bind, self._models[contract], self._clock, via=via, caller=caller
        )
        if self._bind is None:
            self._waiting.append(client)
        else:
            connect(client)
        return client

    def knows(self, contract: type) -> bool:
        """Whether the application has such a contract."""
        return contract in self._models

    def bind(self, method: Method) -> Invoke:
        """What executes *method* on the other side."""
        assert self._bind is not None, "connect() comes first"
        return self._bind(method)

    def connect(self, bind: Callable[[Method], Invoke]) -> None:
        """Connect all clients, those that exist and those to come."""
        self._bind = bind
        for client in self._waiting:
            connect(client)
        self._waiting.clear()


def fill_all_settings(plan: Plan, models: list[ServiceModel]) -> dict[tuple[type, str], Settings]:
    """
    The settings that the services ask for, by class and field.

    Raises:
        InvalidService: All settings that are missing, unknown or do not fit.
    """
    findings: list[Finding] = []
    filled: dict[tuple[type, str], Settings] = {}
    for model in models:
        table = plan.settings.get(model.name, {})
        beside = [c for m in models if m.name == model.name for c in m.settings.values()]
        place = f"{plan.file} [settings.{model.name}]"
        for name, cls in model.settings.items():
            others = _fields_of([one for one in beside if one is not cls]) - _fields_of([cls])
            own = {name: value for name, value in table.items() if name not in others}
            settings = fill_settings(cls, model.name, own, place, findings)
            if settings is not None:
                filled[model.cls, name] = settings
    InvalidService.raise_if_any(findings)
    return filled


def _fields_of(settings: list[type[Settings]]) -> set[str]:
    """The names that classes of settings have; several may share the table of one service."""
    return {name for cls in settings for name in cls.__struct_fields__}  # type: ignore[attr-defined]


def build_service(
    model: ServiceModel,
    clients: Clients,
    store: Store | None,
    settings: dict[tuple[type, str], Settings],
) -> Any:
    """The service itself: its class with every field that outgrow fills."""
    fields: dict[str, Any] = {
        name: clients.make(contract, via=model.name) for name, contract in model.clients.items()
    }
    fields |= {name: settings[model.cls, name] for name in model.settings}
    if model.store is not None:
        fields[model.store] = store
    return model.cls(**fields)
