"""Call errors as bytes, so that the caller of another process meets the same error."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from outgrow import errors
from outgrow.context import Context, enter, leave
from outgrow.contracts import Problem
from outgrow.errors import CallError, CallFailed

_log = logging.getLogger("outgrow.calls")


class _Failure(msgspec.Struct):
    """An error on the wire: the name of its class, its text and its fields."""

    error: str
    text: str
    fields: dict[str, Any]


def encode_failure(error: CallError) -> bytes:
    """The error's class, text and fields as JSON."""
    fields = {**vars(error), "may_have_run": error.may_have_run}
    return msgspec.json.encode(_Failure(type(error).__name__, str(error), fields))


def decode_failure(method: str, body: bytes) -> CallError:
    """
    The error that *body* tells of.

    An error of a class that this version does not know becomes a `CallFailed` that names it.
    """
    try:
        failure = msgspec.json.decode(body, type=_Failure)
    except msgspec.DecodeError as error:
        return CallFailed(method, "outgrow.errors.InternalError", f"unreadable failure: {error}")
    known = getattr(errors, failure.error, None)
    if not (isinstance(known, type) and issubclass(known, CallError)):
        return CallFailed(method, failure.error, failure.text)
    decoded = known.__new__(known)
    decoded.args = (failure.text,)
    decoded.__dict__.update(failure.fields)
    return decoded


def failure_of(method: str, error: BaseException) -> CallFailed:
    """What the caller meets instead of an *error* that the contract does not declare."""
    kind = type(error)
    failed = CallFailed(method, f"{kind.__module__}.{kind.__qualname__}", str(error))
    failed.__cause__ = error
    if isinstance(error, Problem):
        failed.add_note(f"If it is a reply, declare it: raises=[{kind.__name__}] at {method}.")
    return failed


def tell_failure(error: CallFailed) -> str:
    """What the log says of a call that failed: its text, and the advice that was added to it."""
    return " ".join([str(error).rstrip(".") + ".", *getattr(error, "__notes__", ())])


def log_failure(error: CallFailed, context: Context) -> None:
    """
    Log why a call failed whose caller is in another process, and learns the text only.

    The line is written inside of *context*, the execution's.
    """
    token = enter(context)
    try:
        # The traceback of the error itself says the same as that of its cause, and less.
        _log.error("%s", tell_failure(error), exc_info=error.__cause__)
    finally:
        leave(token)
