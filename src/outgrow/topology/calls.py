"""How services are called: for all of them, for one, or for one of its methods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from outgrow.contracts import ContractModel, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """
    How one method is called, after all that the file says of it.

    Attributes:
        deadline_seconds: The longest that a call may take; None if the default holds.
        concurrency: How many calls a process takes on at once; None if its adaptive limit holds.
        retries: Repeats to a service, as a share of the calls to it; 0 is none.
        ejection: Whether endpoints of a service that are far worse than others are left out.
        compression: How large requests and replies travel.
    """

    deadline_seconds: float | None = None
    concurrency: int | None = None
    retries: float = 0.1
    ejection: bool = True
    compression: Literal["none", "gzip"] = "none"


_OF_STREAMS: Final = {"concurrency": None, "compression": "none"}
"""What holds for methods with streams, whatever is said of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """
    What ``[calls]`` says. The narrower section wins, key by key.

    Attributes:
        everywhere: What ``[calls]`` itself says.
        services: What ``[calls.<service>]`` says, by service.
        methods: What ``[calls.<service>.<method>]`` says, by service and method.
        places: Where each section of a method stands.
    """

    everywhere: dict[str, Any] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    methods: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    places: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(
        self, service: str, method: str = "", *, declared_seconds: float | None = None
    ) -> CallSettings:
        """
        The settings of a method; of what holds for the whole service if none is named.

        Args:
            declared_seconds: The deadline that the contract declares. It wins over what the file
                says of the whole service or of all, but not over what it says of the method.
        """
        declared = {} if declared_seconds is None else {"deadline_seconds": declared_seconds}
        own = self.methods.get((service, method), {})
        return CallSettings(
            **{**self.everywhere, **self.services.get(service, {}), **declared, **own}
        )

    def concurrency(self, service: str, method: str) -> int | None:
        """How many calls of a method a process takes on at once; None if it finds out itself."""
        return self.of(service, method).concurrency

    def compression(self, service: str) -> Literal["gzip"] | None:
        """How large requests to a service and replies travel; None for as they are."""
        return "gzip" if self.of(service).compression == "gzip" else None

    def shown(self, models: Iterable[ContractModel]) -> dict[str, dict[str, Any]]:
        """What holds for each method of contracts to which this was applied, by its full name."""
        return {
            method.full_name: {
                **asdict(self.of(model.service, method.name)),
                "deadline_seconds": method.deadline_seconds,
                **(_OF_STREAMS if method.is_streaming else {}),
            }
            for model in models
            for method in model.methods.values()
        }

    def apply(self, models: Iterable[ContractModel]) -> list[ContractModel]:
        """The same contracts with the deadlines that hold for their methods."""
        applied = []
        for model in models:
            methods = {}
            for name, method in model.methods.items():
                seconds = self._deadline(model, method)
                is_same = seconds == method.deadline_seconds
                methods[name] = method if is_same else replace(method, deadline_seconds=seconds)
            is_same = all(methods[name] is method for name, method in model.methods.items())
            applied.append(model if is_same else replace(model, methods=methods))
        return applied

    def _deadline(self, model: ContractModel, method: Method) -> float | None:
        """What holds for *method*; what is said of all calls is not said of streams."""
        declared = method.deadline_seconds
        if method.is_streaming:
            own: float | None = self.methods.get((model.service, method.name), {}).get(
                "deadline_seconds", declared
            )
            return own
        return self.of(model.service, method.name, declared_seconds=declared).deadline_seconds
