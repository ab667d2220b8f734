"""Calls inside one process: references instead of bytes, the same meaning."""

from __future__ import annotations

from typing import Any

from outgrow.calls.copying import Copier, NotCarried, compile_copier
from outgrow.calls.failures import failure_of
from outgrow.calls.reception import Reception
from outgrow.calls.transport import Invoke
from outgrow.context import Context
from outgrow.contracts import Method, Misfit, compile_check
from outgrow.errors import ArgumentsRefused


class InProcess:
    """The transport to services of the same process."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def bind(self, method: Method) -> Invoke:
        """The reception's own door, with copies of what is mutable around it."""
        invoke = self._reception.bind(method)
        arguments = [compile_copier(parameter.shape) for parameter in method.parameters]
        reply = _seen_copier(method)
        if reply is None and not any(arguments):
            return invoke
        return _copying(method, invoke, arguments, reply)

    async def close(self) -> None:
        """There is nothing to let go of."""


def _seen_copier(method: Method) -> Copier | None:
    """What copies the reply and sees to the limits of records that do not check themselves."""
    copier, check = compile_copier(method.reply), compile_check(method.reply)
    if check is None:
        return copier

    def copy_seen(value: Any) -> Any:
        check(value)
        return value if copier is None else copier(value)

    return copy_seen


def _copying(
    method: Method, invoke: Invoke, copiers: list[Copier | None], reply: Copier | None
) -> Invoke:
    def same(value: Any) -> Any:
        return value

    copies = tuple(copier or same for copier in copiers)
    copy_reply = reply or same

    async def invoke_with_copies(context: Context, *arguments: Any) -> Any:
        try:
            given = [copy(argument) for copy, argument in zip(copies, arguments, strict=True)]
        except (NotCarried, Misfit, AttributeError, RecursionError) as error:
            findings = _findings(method, copies, arguments)
            raise ArgumentsRefused(method.full_name, findings) from error
        value = await invoke(context, *given)
        try:
            return copy_reply(value)
        except (NotCarried, ValueError, AttributeError, RecursionError) as error:
            raise failure_of(method.full_name, error) from error

    return invoke_with_copies


def _findings(
    method: Method, copies: tuple[Copier, ...], arguments: tuple[Any, ...]
) -> list[tuple[str, str]]:
    """Which arguments cannot be copied, and why."""
    findings: list[tuple[str, str]] = []
    for parameter, copy, argument in zip(method.parameters, copies, arguments, strict=True):
        try:
            copy(argument)
        except Misfit as misfit:
            findings += [(parameter.name + place, why) for place, why in misfit.findings]
        except RecursionError:
            findings.append((parameter.name, "it is nested too deeply"))
        except (NotCarried, AttributeError) as error:
            findings.append((parameter.name, str(error)))
    return findings
