"""Which process may call which service: what the declared dependencies say."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from outgrow.identity.names import Name, read_name


class Callers(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who may call whom, in one environment of an application. Plain data.

    Attributes:
        declared: By each service that is called, the services that declare it.
        hosts: By each process, the services that it hosts.
        entrances: The processes where requests come in from outside; they may call all.
    """

    declared: dict[str, tuple[str, ...]] = {}
    hosts: dict[str, tuple[str, ...]] = {}
    entrances: tuple[str, ...] = ()

    def refusal(self, called: str, own: Name, peer: str, via: str) -> str | None:
        """
        Why a call is refused; None if it is not.

        Args:
            called: The service that is called.
            own: Who the process is that is asked.
            peer: The URI in the certificate of the process that asks; empty if it has none.
            via: The service that calls, as that process says; empty if the call is from outside.
        """
        name = read_name(peer)
        if name is None or not _are_together(name, own):
            return stranger(own, peer)
        return self._of_process(called, name.process, via)

    def _of_process(self, called: str, process: str, via: str) -> str | None:
        if not via:
            if process in self.entrances:
                return None
            return (
                f"process {process!r} calls for nobody: it says no service that calls, and "
                "requests from outside come in through the gateway only."
            )
        if via not in self.hosts.get(process, ()):
            return (
                f"process {process!r} says that service {via[:63]!r} calls, which it does not "
                "host. Is its topology an older one? Stop the topology and start it again."
            )
        if via not in self.declared.get(called, ()):
            return (
                f"service {via!r} of process {process!r} does not declare {called!r}. Give its "
                "class a field of the contract that it calls, so that everybody can see it."
            )
        return None


def stranger(own: Name, peer: str) -> str | None:
    """Why *peer*, the URI in a certificate, is nobody of *own*'s; None if it is somebody."""
    name = read_name(peer)
    if name is None:
        return (
            f"its certificate names {peer[:255] or 'nobody'}, which is no process of outgrow. "
            f"Only processes of {own.application}.{own.environment} may call."
        )
    if not _are_together(name, own):
        return f"{peer} is a process of another application or environment than {own}."
    return None


def _are_together(one: Name, other: Name) -> bool:
    return (one.application, one.environment) == (other.application, other.environment)


def callers_of(declared: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """
    By each service that is called, the services that declare it, in the order of their names.

    Args:
        declared: Pairs of a service, and one that it declares.
    """
    found: dict[str, set[str]] = {}
    for caller, called in declared:
        found.setdefault(called, set()).add(caller)
    return {called: tuple(sorted(callers)) for called, callers in sorted(found.items())}
