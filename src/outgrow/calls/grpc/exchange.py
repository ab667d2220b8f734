"""
What two processes ask each other if the fingerprints of a contract differ.

The callee has refused a call, and nothing ran. The caller then sends its description of the
contract to a method of our own, ``/outgrow.contracts.v1.Contracts/Compare``, and the callee says
which methods it understands. JSON both ways: this is for outgrow and for whoever debugs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc
import grpc.aio
import msgspec

from outgrow.calls.grpc.revisions import Admission, Judgement, Revision, differs
from outgrow.contracts import Method
from outgrow.errors import CallTimedOut, ContractDiffers, ServiceUnreachable

T = TypeVar("T")

SERVICE = "outgrow.contracts.v1.Contracts"
METHOD = "Compare"
EXCHANGES_MAX = 3
"""How often one call is sent again: the process that was asked may be replaced meanwhile."""

EXCHANGE_SECONDS_MAX = 5.0


_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller sends: its revision of the contract with that wire name."""

    contract: str
    revision: Revision


_encode = msgspec.json.Encoder().encode
_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_judgement = msgspec.json.Decoder(Judgement).decode


def compare_handler(
    admissions: Mapping[str, Admission],
    check: Callable[[str, Any], Awaitable[object]] | None = None,
) -> Any:
    """
    What answers callers that ask.

    Args:
        admissions: Those of the contracts that are kept here, by their wire names.
        check: ``(name, call)``; ends the call of somebody who may not ask.
    """

    async def handle(body: bytes, call: Any) -> bytes:
        if check is not None:
            await check(f"{SERVICE}/{METHOD}", call)
        try:
            asked = _decode_asked(body)
            admission = admissions.get(asked.contract)
            if admission is not None:
                return _encode(admission.judge(asked.revision))
            code, text = grpc.StatusCode.NOT_FOUND, f"{asked.contract!r} is not kept here"
        except Exception as error:  # noqa: BLE001 - a border: the body may say anything
            code, text = grpc.StatusCode.INVALID_ARGUMENT, f"{type(error).__name__}: {error}"
        call.set_code(code)
        call.set_details(text)
        return b""

    handlers = {METHOD: grpc.unary_unary_rpc_method_handler(handle)}
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


class Agreement:
    """
    Asks the process on the other side of a channel whether it understands one contract.

    Lives as long as its channel. Calls that need the answer at the same time share it.

    Attributes:
        rounds: How many answers have come.
    """

    def __init__(self, channel: grpc.aio.Channel, name: str, revision: Revision) -> None:
        """
        Prepare to ask.

        Args:
            name: The wire name of the contract.
            revision: What this process has of it.
        """
        self.rounds = 0
        self.fingerprint = revision.fingerprint
        self._compare: Any = channel.unary_unary(f"/{SERVICE}/{METHOD}")
        self._asked = _Asked(contract=name, revision=revision)
        self._lock = asyncio.Lock()

    async def repeat(
        self,
        method: Method,
        refusal: ContractDiffers,
        rounds: int,
        seconds_left: Callable[[], float],
        send: Callable[[], Awaitable[T]],
    ) -> T:
        """
        What a call that met *refusal* gives when it is sent again if the other side understands it.

        Args:
            rounds: What `rounds` was when the call was sent.
            send: Sends it again; it certainly has not run.

        Raises:
            ContractDiffers: It would be misunderstood; with what differs.
            CallError: The other side could not be asked, or what *send* raises.
        """
        for _ in range(EXCHANGES_MAX):
            if refusal.differences:
                break
            try:
                async with asyncio.timeout(seconds_left()), self._lock:
                    if rounds == self.rounds:
                        await self._ask(method, refusal)
            except TimeoutError as error:
                raise CallTimedOut(method.full_name, may_have_run=False) from error
            rounds = self.rounds
            try:
                return await send()
            except ContractDiffers as error:
                refusal = error
        raise refusal

    async def _ask(self, method: Method, refusal: ContractDiffers) -> None:
        """Return if *method* may be called."""
        try:
            reply = await self._compare(_encode(self._asked), timeout=EXCHANGE_SECONDS_MAX)
            judgement = _decode_judgement(reply)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _GONE:
                raise refusal from error  # It is an older outgrow, or none.
            text = f"it did not say whether it understands this side's contract: {error.details()}"
            raise ServiceUnreachable(method.full_name, text, may_have_run=False) from error
        except (asyncio.CancelledError, grpc.aio.UsageError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            text = "the connection was closed on this side"
            raise ServiceUnreachable(method.full_name, text, may_have_run=False) from error
        except msgspec.DecodeError as error:
            raise refusal from error
        self.rounds += 1
        if method.name in judgement.differences:
            raise differs(method, refusal, judgement)
