"""
How sagas stand is asked over the transport that carries all calls, by a contract of our own.

Each service that has sagas keeps it beside its own contracts, so that its process answers for its
own, and whoever balances, retries and lets in does so as for any query. Its methods carry JSON:
they never change, so processes of different versions of outgrow understand each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from outgrow.calls import Invoke, Reception
from outgrow.context import Context, context
from outgrow.contracts import Contract, ContractModel, Method, query, read_contract
from outgrow.errors import CallRefused
from outgrow.process.service import ServiceModel
from outgrow.sagas import Standing, codes_of

if TYPE_CHECKING:
    from outgrow.sagas.driving import Hosting

ASK = "outgrow_operation"


class OutgrowOperations(Contract):
    """How the sagas of a service stand, for whoever began them."""

    @query()
    async def outgrow_operation(self, saga_id: str) -> str | None:
        """How a saga stands, as JSON; nothing if the caller has begun none with that id."""


class Operations:
    """
    Asks how sagas stand, and answers for those that are hosted here.

    Args:
        services: The services that are hosted here.
        reached: The contracts whose methods are found over HTTP here.

    Attributes:
        kept: The contracts that are kept here beside those of the services.
        known: Those and the ones that can be asked from here.
    """

    def __init__(self, services: Iterable[ServiceModel], reached: Iterable[ContractModel]) -> None:
        here = {service.name: bool(codes_of(service.cls)) for service in services}
        self.kept = [_model(name) for name, has_sagas in here.items() if has_sagas]
        # A contract does not say which of its commands is a saga.
        elsewhere = {m.service: None for m in reached if m.service not in here and _begins(m)}
        self.known = [*self.kept, *(_model(name) for name in elsewhere)]
        self._methods = {model.service: model.methods[ASK] for model in self.known}
        self._bound: dict[str, Invoke] = {}

    def admit(self, reception: Reception, sagas: Hosting) -> None:
        """Let questions in about the *sagas* that are hosted here."""
        for model in self.kept:
            reception.admit(model, _Answers(model.service, sagas), None)

    async def find(
        self, bind: Callable[[Method], Invoke], asking: Context, saga_id: str
    ) -> Standing | None:
        """
        How a saga stands, as its service's process says.

        Args:
            bind: What executes a method, wherever its service is.
            asking: Who asks, and until when; the method is put in.

        Returns:
            None if there is none that its caller may know of.

        Raises:
            CallError: The process could not be asked.
        """
        # An id begins with its service, whose name is a word of Python.
        service = saga_id.partition("-")[0]
        method = self._methods.get(service)
        if method is None:
            return None
        if service not in self._bound:
            self._bound[service] = bind(method)
        asking.method = method.full_name
        try:
            answer = await self._bound[service](asking, saga_id)
        except CallRefused as refused:
            if type(refused) is CallRefused:  # The process does not offer it: it has no sagas.
                return None
            raise
        return None if answer is None else msgspec.json.decode(answer, type=Standing)


class _Answers:
    """Keeps the contract for one service."""

    def __init__(self, service: str, sagas: Hosting) -> None:
        self._service = service
        self._sagas = sagas

    async def outgrow_operation(self, saga_id: str) -> str | None:
        standing = await self._sagas.standing(self._service, saga_id, context().caller)
        return None if standing is None else msgspec.json.encode(standing).decode()


def is_of_operations(model: ContractModel) -> bool:
    """Whether *model* is that of outgrow's own contract, which no committed file holds."""
    return model.contract is OutgrowOperations


def _begins(model: ContractModel) -> bool:
    """Whether a saga may be begun over HTTP by a method of *model*."""
    return any(m.is_keyed and m.http is not None for m in model.methods.values())


def _model(service: str) -> ContractModel:
    """The contract as *service* keeps it."""
    model = read_contract(OutgrowOperations)
    methods = {name: replace(m, service=service) for name, m in model.methods.items()}
    return replace(model, service=service, methods=methods)
