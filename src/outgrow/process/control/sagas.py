"""What can be asked of running processes about sagas, and what an operator decides about them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from outgrow.errors import ControlError
from outgrow.journal import Decision
from outgrow.process.application import Application
from outgrow.process.control.asking import ask
from outgrow.process.control.channel import Verb
from outgrow.process.control.everyone import ask_everyone, control_socket
from outgrow.process.control.operating import Operator

if TYPE_CHECKING:
    from outgrow.sagas.operating import Deciding, Showing


def saga_verbs(application: Application) -> dict[str, Verb]:
    """The verbs about the sagas of *application*."""
    questions = _Questions(application)
    return {
        "sagas": questions.sagas,
        "saga": questions.saga,
        "saga_graph": questions.graph,
        "saga_retry": questions.retry,
        "saga_retry_stuck": questions.retry_stuck,
        "saga_skip": questions.skip,
        "saga_undo": questions.undo,
        "saga_resolve": questions.resolve,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, application: Application) -> None:
        self._application = application

    # Imported late, so that a program that only defines services starts sooner.

    @functools.cached_property
    def _showing(self) -> Showing:
        from outgrow.sagas.operating import Showing  # noqa: PLC0415

        return Showing(self._application.sagas)

    @functools.cached_property
    def _deciding(self) -> Deciding:
        from outgrow.sagas.operating import Deciding  # noqa: PLC0415

        known, stores = self._application.known, self._application.stores
        methods = {method.full_name: method for model in known for method in model.methods.values()}
        return Deciding(self._application.sagas, lambda service: stores[service].outbox, methods)

    async def sagas(self, fields: dict[str, Any]) -> Any:
        """Which there are: ``{"service": "orders", "wanted": {"states": ["stuck"]}}``."""
        from outgrow.sagas.operating import Wanted  # noqa: PLC0415

        wanted = msgspec.convert(fields.get("wanted", {}), Wanted)
        service = fields.get("service")
        services = list(self._application.sagas.keepings) if service is None else [str(service)]
        sagas, count = [], 0
        for name in services:
            told, number = await self._showing.listed(name, wanted)
            sagas += told
            count += number
        return {"sagas": msgspec.to_builtins(sagas), "sagas_count": count}

    async def saga(self, fields: dict[str, Any]) -> Any:
        """All that is written down of one: ``{"id": "orders-..."}``."""
        shown = msgspec.to_builtins(await self._showing.shown(str(fields["id"])))
        return {**shown.pop("told"), **shown}

    async def graph(self, fields: dict[str, Any]) -> Any:
        """A drawing of what is written down of one: ``{"id": "orders-..."}``."""
        from outgrow.sagas.operating import draw_written  # noqa: PLC0415

        return {"mermaid": draw_written(await self._showing.shown(str(fields["id"])))}

    async def retry(self, fields: dict[str, Any]) -> Any:
        """Let one go on now: ``id``, ``who``, ``reason``."""
        told = await self._deciding.retry(str(fields["id"]), _decision(fields))
        return msgspec.to_builtins(told)

    async def retry_stuck(self, fields: dict[str, Any]) -> Any:
        """Let all stuck ones go on now: ``name`` of a service or saga, ``who``, ``reason``."""
        name = str(fields["name"])
        return {"sagas": await self._deciding.retry_stuck(name, _decision(fields))}

    async def skip(self, fields: dict[str, Any]) -> Any:
        """Pass over a step: ``id``, ``step``, ``reply``, ``was_done``, ``who``, ``reason``."""
        told = await self._deciding.skip(
            str(fields["id"]),
            int(fields["step"]),
            _decision(fields),
            reply=fields.get("reply"),
            was_done=fields.get("was_done"),
        )
        return msgspec.to_builtins(told)

    async def undo(self, fields: dict[str, Any]) -> Any:
        """Begin to undo one: ``id``, ``who``, ``reason``."""
        told = await self._deciding.undo(str(fields["id"]), _decision(fields))
        return msgspec.to_builtins(told)

    async def resolve(self, fields: dict[str, Any]) -> Any:
        """End one as it is: ``id``, ``reply``, ``who``, ``reason``."""
        told = await self._deciding.resolve(
            str(fields["id"]), _decision(fields), reply=fields.get("reply")
        )
        return msgspec.to_builtins(told)


class SagaOperator:
    """
    Asks the processes that keep their state in one folder about sagas.

    Every method raises `ControlError` if no process runs there, or none knows what it is about.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._operator = Operator(state)

    def sagas(
        self, service: str | None, wanted: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], int, dict[str, str]]:
        """Sagas, the stuck ones first; how many there are; and who did not answer."""
        if service is not None:
            process = self._operator.host_of(service)
            told = self._ask(process, "sagas", service=service, wanted=wanted)
            answers, silent = {process: told}, {}
        else:
            found = ask_everyone(self._state, "sagas", wanted=wanted)
            answers, silent = found.once, found.silent
        rows = [
            {**saga, "process": process}
            for process, answer in answers.items()
            for saga in answer["sagas"]
        ]
        rows.sort(key=lambda row: row["started_at"], reverse=True)
        rows.sort(key=lambda row: row["state"] != "stuck")
        return rows, sum(answer["sagas_count"] for answer in answers.values()), silent

    def about(self, verb: str, saga_id: str, **arguments: Any) -> dict[str, Any]:
        """Ask one process that hosts the service of a saga."""
        service = saga_id.rpartition("-")[0] and saga_id[:-37]
        if not service:
            message = f"{saga_id!r} is no id of a saga. 'outgrow saga list' names them."
            raise ControlError(message)
        process = self._operator.host_of(service)
        return {"process": process, **self._ask(process, verb, id=saga_id, **arguments)}

    def retry_stuck(self, name: str, who: str, reason: str) -> dict[str, Any]:
        """Let all stuck sagas of a service, or of one of its methods, go on."""
        process = self._operator.host_of(name.partition(".")[0])
        told = self._ask(process, "saga_retry_stuck", name=name, who=who, reason=reason)
        return {"process": process, **told}

    def _ask(self, process: str, verb: str, **arguments: Any) -> Any:
        return ask(control_socket(self._state, process), verb, **arguments)


def _decision(fields: dict[str, Any]) -> Decision:
    return Decision(who=str(fields["who"]), reason=str(fields.get("reason", "")))
