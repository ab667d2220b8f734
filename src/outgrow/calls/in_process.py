"""Calls inside one process: references instead of bytes, the same meaning."""

from __future__ import annotations

from typing import Any

from outgrow.calls.copying import Copier, NotCarried, compile_copier
from outgrow.calls.failures import failure_of
from outgrow.calls.reception import Reception
from outgrow.calls.transport import Invoke
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import ArgumentsRefused


class InProcess:
    """The transport to services of the same process."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def bind(self, method: Method) -> Invoke:
        """The reception's own door, with copies of what is mutable around it."""
        invoke = self._reception.bind(method)
        arguments = [compile_copier(parameter.shape) for parameter in method.parameters]
        reply = compile_copier(method.reply)
        if reply is None and not any(arguments):
            return invoke
        return _copying(method, invoke, arguments, reply)

    async def close(self) -> None:
        """There is nothing to let go of."""


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
        except NotCarried as error:
            raise ArgumentsRefused(method.full_name, [("arguments", str(error))]) from error
        value = await invoke(context, *given)
        try:
            return copy_reply(value)
        except NotCarried as error:
            raise failure_of(method.full_name, error) from error

    return invoke_with_copies
