"""Where the processes of a topology answer: chosen once, before any of them is started."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outgrow.errors import Finding, InvalidTopology
from outgrow.gateway import open_socket
from outgrow.process.inherited import calls_path
from outgrow.process.running import check_open, socket_path_findings
from outgrow.process.seating import SUPERVISOR, Seat, Seating
from outgrow.topology import Address, Plan, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """
    The seats of a topology, and the sockets on which their clients wait.

    Attributes:
        seats: Where each replica of each process answers, by its name; a process after the other.
        sockets: What each process answers HTTP on: its replicas share one.
    """

    seats: dict[str, Seat]
    sockets: dict[str, socket.socket]

    def seating(self, plan: Plan, topology: Topology, broker: str) -> Seating:
        """The seating of *topology*, with the URL of its *broker*."""
        return Seating(
            application=plan.application,
            topology=topology.name,
            environment=topology.environment,
            broker=broker,
            gateway=topology.gateway,
            seats=self.seats,
            discovery=topology.discovery,
        )


def check_seats(plan: Plan, topology: Topology, state: Path, *, is_open: bool) -> None:
    """
    Refuse what cannot be a seat, before anything is started.

    Raises:
        InvalidTopology: All that is wrong with the seats.
    """
    names = _replicas(topology)
    paths = [state / "run" / f"{name}.sock" for name in (SUPERVISOR, *names)]
    findings = socket_path_findings(state, [*paths, *(calls_path(state, name) for name in names)])
    if plan.http is not None and topology.gateway is None:
        # Only by --http: the file would have been refused.
        finding = Finding(
            place="--http",
            message=f"no process of topology {topology.name!r} answers for all services.",
            remedy=f'Write gateway = "NAME" in [topology.{topology.name}].',
            slug="gateway-missing",
        )
        findings.append(finding)
    InvalidTopology.raise_if_any(findings)
    if is_open:
        for name in topology.processes:
            check_open(plan, _address(plan, topology, name))


@contextlib.contextmanager
def take_seats(plan: Plan, topology: Topology, state: Path) -> Iterator[Seats]:
    """
    Take the addresses of all processes until the end of the block.

    Raises:
        ListenRefused: An address cannot be had.
    """
    seats: dict[str, Seat] = {}
    sockets: dict[str, socket.socket] = {}
    with contextlib.ExitStack() as stack:
        for name, placement in topology.processes.items():
            address = _address(plan, topology, name)
            setting = f"{plan.file} [topology.{topology.name}.process.{name}] http"
            if name == topology.gateway and plan.http is not None:
                setting = f"{plan.file} [gateway] http"
            opened = stack.enter_context(open_socket(str(address), setting))
            port = opened.getsockname()[1]
            sockets[name] = opened
            seats |= {
                replica: Seat(
                    process=name,
                    replica=number,
                    services=placement.services,
                    calls=f"unix:{calls_path(state, replica)}",
                    http=str(Address(host=address.host, port=port)),
                    weight=weight,
                )
                for number, (replica, weight) in enumerate(
                    zip(placement.names, placement.weights, strict=True), start=1
                )
            }
        yield Seats(seats=seats, sockets=sockets)


def remove_sockets(topology: Topology, state: Path) -> None:
    """Remove what processes that were killed have left."""
    for name in _replicas(topology):
        (state / "run" / f"{name}.sock").unlink(missing_ok=True)
        calls_path(state, name).unlink(missing_ok=True)


def _replicas(topology: Topology) -> list[str]:
    """The names of all replicas of all processes."""
    return [name for placement in topology.processes.values() for name in placement.names]


def _address(plan: Plan, topology: Topology, name: str) -> Address:
    if name == topology.gateway and plan.http is not None:
        return plan.http
    return topology.processes[name].http
