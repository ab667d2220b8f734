"""Each safeguard is missed when it is removed; otherwise the tests beside this prove nothing."""

from __future__ import annotations

import grpc
import pytest

from outgrow.calls.grpc import channels
from outgrow.identity import Callers, Name
from outgrow.identity.certificates import Guard
from tests.identity import test_refusals, test_rotation
from tests.identity.conftest import Town


def _one_name_for_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Name, "dns", property(lambda self: f"any.{self.application}.outgrow"))


def _believe_what_is_said(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Callers, "_of_process", lambda *_: None)


def _believe_which_service_calls(patch: pytest.MonkeyPatch) -> None:
    real = Callers._of_process

    def without_hosts(self: Callers, called: str, process: str, via: str) -> str | None:
        return real(Callers(declared=self.declared, hosts={process: (via,)}), called, process, via)

    patch.setattr(Callers, "_of_process", without_hosts)


def _remember_processes_alone(patch: pytest.MonkeyPatch) -> None:
    real = Guard.check

    def check(self: Guard, service: str, method: str, names, via: str) -> None:
        known = {key[0] for key in self._let_in}
        if names not in known:
            real(self, service, method, names, via)

    patch.setattr(Guard, "check", check)


def _ask_for_no_certificate(patch: pytest.MonkeyPatch) -> None:
    real = grpc.dynamic_ssl_server_credentials

    def lax(first, fetch, require_client_authentication):
        return real(first, fetch, require_client_authentication=False)

    patch.setattr(grpc, "dynamic_ssl_server_credentials", lax)


def _close_at_once(patch: pytest.MonkeyPatch) -> None:
    real = channels._RenewedChannel._sweep

    def sweep(self):
        for kept in self._before:
            kept.calls = 0
        real(self)

    patch.setattr(channels._RenewedChannel, "_sweep", sweep)


async def _socket_of_another(town: Town, caplog, capfd) -> None:
    await test_refusals.test_the_socket_of_another_process_is_not_called(town, caplog)


def _refusal(what: str):
    async def run(town: Town, caplog, capfd) -> None:
        await test_refusals.test_who_does_not_declare_a_service_may_not_call_it(town, what, caplog)

    return run


async def _let_in_later(town: Town, caplog, capfd) -> None:
    await town.start()
    transport = town.connect(town.identity("front"))
    assert await town.ask(transport) == "hello"
    town.calls = 0
    await test_refusals._refused(town, transport, via="gossip")


async def _no_certificate(town: Town, caplog, capfd) -> None:
    await test_refusals.test_who_has_no_certificate_is_refused(town, capfd)


async def _goes_on(town: Town, caplog, capfd) -> None:
    await test_rotation.test_a_call_goes_on_over_the_connection_that_it_began_on(town)


MUTANTS = {
    "the name in the callee's certificate is not checked": (_one_name_for_all, _socket_of_another),
    "what is declared is not checked": (
        _believe_what_is_said,
        _refusal("a service that does not declare it"),
    ),
    "the service that calls is not checked": (
        _believe_which_service_calls,
        _refusal("a lie about which service calls"),
    ),
    "a process is let in for all of its services": (_remember_processes_alone, _let_in_later),
    "a caller needs no certificate": (_ask_for_no_certificate, _no_certificate),
    "a connection is closed at once when it is renewed": (_close_at_once, _goes_on),
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_safeguard_that_is_removed_is_missed(mutant: str, town: Town, caplog, capfd):
    remove, attack = MUTANTS[mutant]

    with pytest.MonkeyPatch.context() as patch:
        remove(patch)
        with pytest.raises((AssertionError, ExceptionGroup, pytest.fail.Exception)):
            await attack(town, caplog, capfd)


async def test_nothing_is_missed_where_all_safeguards_are(town: Town, caplog, capfd):
    await _let_in_later(town, caplog, capfd)
