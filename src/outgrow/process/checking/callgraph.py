"""
Which methods of services call which methods of others, read from the code.

Nothing is executed: bodies are read, from each method through the service's own methods and the
functions that it hands its clients to. Not seen is what a client does that was put into an object
of another class, and methods that are called by a name which is made while the program runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType

from outgrow.contracts import ContractModel, Method, place_at
from outgrow.process.checking.bodies import Bodies, Body, Step
from outgrow.process.checking.sources import Sources
from outgrow.process.service import ServiceModel

Node = tuple[type, str]
"""A service class and the name of one of its methods."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """
    A place where a method of one service calls a method of another.

    Attributes:
        caller: The method in which it begins: of a contract, a handler, ``open`` or ``close``.
        caller_name: ``service.method`` of it.
        contract: The contract of what is called.
        callee: What keeps it.
        callee_name: ``service.method`` of it.
        kind: Whether what is called is a query or a command.
        place: ``file:line`` of the call itself.
        through: The names of what lies between: own methods and functions, outermost first.
        is_sent: Whether it is sent by ``tx.send``, and nobody waits for it.
    """

    caller: Node
    caller_name: str
    contract: type
    callee: Node
    callee_name: str
    kind: str
    place: str
    through: tuple[str, ...]
    is_sent: bool


class CallGraph:
    """
    All calls between the services of a program.

    Attributes:
        calls: Ordered by caller and place.
    """

    def __init__(self, services: Iterable[ServiceModel], sources: Sources) -> None:
        self._services = list(services)
        self._sources = sources
        self._keepers = {
            contract.contract: (service, contract)
            for service in self._services
            for contract in service.contracts
        }
        self.calls: list[Call] = []
        self._inner: dict[Node, list[tuple[Node, str]]] = {}
        for service in self._services:
            self._read(service)

    def callers_of(self, contract: type, method: str) -> list[Call]:
        """Where *method* of *contract* is called."""
        return [c for c in self.calls if c.contract is contract and c.callee[1] == method]

    def own_calls(self, caller: Node) -> list[tuple[Node, str]]:
        """The methods of its own class that *caller* calls, directly or not, and where."""
        return self._inner.get(caller, [])

    def _read(self, service: ServiceModel) -> None:
        bodies = Bodies(service, self._sources)
        reached: set[FunctionType] = set()
        entries = entries_of(service)
        others = [name for name in bodies.methods if name not in entries]
        for name in [*entries, *others]:
            function = bodies.methods.get(name)
            if function is None or (name in others and function in reached):
                continue  # What is reached from an entry is told there.
            self._read_method(service, bodies, name, reached)

    def _read_method(
        self, service: ServiceModel, bodies: Bodies, name: str, reached: set[FunctionType]
    ) -> None:
        caller = (service.cls, name)
        seen: set[Body] = set()
        waiting: list[tuple[Body, tuple[str, ...]]] = [(bodies.of(bodies.methods[name]), ())]
        while waiting:
            body, through = waiting.pop(0)
            for step in bodies.steps(body):
                if step.method is not None:
                    self._add(caller, step, through)
                elif step.body is not None:
                    reached.add(step.body.function)
                    if step.is_own:
                        place = place_at(step.file, step.line)
                        own = (service.cls, step.body.function.__name__)
                        self._inner.setdefault(caller, []).append((own, place))
                    if step.body not in seen:
                        seen.add(step.body)
                        waiting.append((step.body, (*through, step.body.function.__name__)))

    def _add(self, caller: Node, step: Step, through: tuple[str, ...]) -> None:
        contract, name = step.method or (object, "")
        if contract not in self._keepers:
            return
        keeper, model = self._keepers[contract]
        callee = (keeper.cls, name)
        call = Call(
            caller=caller,
            caller_name=self.name_of(caller),
            contract=contract,
            callee=callee,
            callee_name=model.methods[name].full_name,
            kind=model.methods[name].kind,
            place=place_at(step.file, step.line),
            through=through,
            is_sent=step.is_sent,
        )
        self.calls.append(call)

    def name_of(self, node: Node) -> str:
        """``service.method``; the class is named too where the service has two of the name."""
        cls, name = node
        [service] = [one for one in self._services if one.cls is cls]
        method = method_of(service, name)
        if method is not None:
            return method.full_name
        rivals = [o for o in self._services if o.name == service.name and hasattr(o.cls, name)]
        is_alone = len(rivals) == 1
        return f"{service.name}.{name}" if is_alone else f"{service.name}.{cls.__name__}.{name}"


def entries_of(service: ServiceModel) -> list[str]:
    """The methods of *service* that are called from outside of it."""
    methods = [name for contract in service.contracts for name in contract.methods]
    names = [*methods, *(handler.method for handler in service.handlers), "open", "close"]
    return [name for name in dict.fromkeys(names) if hasattr(service.cls, name)]


def method_of(service: ServiceModel, name: str) -> Method | None:
    """What the contracts of *service* say of its method *name*."""
    found: Iterator[ContractModel] = (c for c in service.contracts if name in c.methods)
    contract = next(found, None)
    return contract.methods[name] if contract else None


def place_of_method(node: Node) -> str:
    """``file:line`` of the method as its class has it."""
    function = inspect.unwrap(getattr(*node))
    return place_at(function.__code__.co_filename, function.__code__.co_firstlineno)
