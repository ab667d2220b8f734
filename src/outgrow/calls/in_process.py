"""Calls inside one process: references instead of bytes, the same meaning."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from outgrow.calls.copying import Copier, NotCarried, compile_copier
from outgrow.calls.failures import failure_of
from outgrow.calls.reception import Reception
from outgrow.calls.streaming import refused_item
from outgrow.calls.transport import Invoke
from outgrow.context import Context
from outgrow.contracts import Method, Misfit, Parameter, compile_check
from outgrow.errors import ArgumentsRefused

_UNFIT = (NotCarried, Misfit, AttributeError, RecursionError)


class InProcess:
    """The transport to services of the same process."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def bind(self, method: Method) -> Invoke:
        """The reception's own door, with copies of what is mutable around it."""
        invoke = self._reception.bind(method)
        arguments = [_copier_of(method, parameter) for parameter in method.parameters]
        reply = _seen_copier(method)
        if reply is None and not any(arguments):
            return invoke
        if method.is_reply_stream:
            return _streaming(method, invoke, arguments, reply)
        return _copying(method, invoke, arguments, reply)

    async def close(self) -> None:
        """There is nothing to let go of."""


def _copier_of(method: Method, parameter: Parameter) -> Copier | None:
    """What copies an argument; a stream is copied item by item, as it goes."""
    copier = compile_copier(parameter.shape)
    if copier is None or not parameter.is_stream:
        return copier
    return lambda items: _Copied(method, parameter.name, items, copier)


class _Copied:
    """The caller's stream, each item of it a copy."""

    __slots__ = ("_copy", "_items", "_method", "_name", "_place")

    def __init__(self, method: Method, name: str, items: Any, copy: Copier) -> None:
        self._method = method
        self._name = name
        self._items = items
        self._copy = copy
        self._place = -1

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        self._place += 1
        item = await self._items.__anext__()
        try:
            return self._copy(item)
        except _UNFIT as error:
            findings = _findings_in(self._name, self._copy, item)
            raise refused_item(self._method, self._name, self._place, findings) from error

    async def aclose(self) -> None:
        await self._items.aclose()


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
    copies, copy_reply = tuple(copier or _same for copier in copiers), reply or _same

    async def invoke_with_copies(context: Context, *arguments: Any) -> Any:
        try:
            given = [copy(argument) for copy, argument in zip(copies, arguments, strict=True)]
        except _UNFIT as error:
            raise _refused(method, copies, arguments) from error
        value = await invoke(context, *given)
        try:
            return copy_reply(value)
        except (NotCarried, ValueError, AttributeError, RecursionError) as error:
            raise failure_of(method.full_name, error) from error

    return invoke_with_copies


def _streaming(
    method: Method, invoke: Invoke, copiers: list[Copier | None], reply: Copier | None
) -> Callable[..., Any]:
    copies, copy_reply = tuple(copier or _same for copier in copiers), reply or _same

    async def stream_with_copies(context: Context, *arguments: Any) -> AsyncGenerator[Any, None]:
        try:
            given = [copy(argument) for copy, argument in zip(copies, arguments, strict=True)]
        except _UNFIT as error:
            raise _refused(method, copies, arguments) from error
        items: Any = invoke(context, *given)
        try:
            async for value in items:
                try:
                    copied = copy_reply(value)
                except (NotCarried, ValueError, AttributeError, RecursionError) as error:
                    raise failure_of(method.full_name, error) from error
                yield copied
        finally:
            await items.aclose()

    return stream_with_copies


def _same(value: Any) -> Any:
    return value


def _refused(
    method: Method, copies: tuple[Copier, ...], arguments: tuple[Any, ...]
) -> ArgumentsRefused:
    """Which arguments cannot be copied, and why."""
    findings: list[tuple[str, str]] = []
    for parameter, copy, argument in zip(method.parameters, copies, arguments, strict=True):
        findings += _findings_in(parameter.name, copy, argument)
    return ArgumentsRefused(method.full_name, findings)


def _findings_in(name: str, copy: Copier, argument: Any) -> list[tuple[str, str]]:
    """Why the *argument* of that *name* cannot be copied, if it cannot."""
    try:
        copy(argument)
    except Misfit as misfit:
        return [(name + place, why) for place, why in misfit.findings]
    except RecursionError:
        return [(name, "it is nested too deeply")]
    except (NotCarried, AttributeError) as error:
        return [(name, str(error))]
    return []
