"""
Structured logs: one JSON object a line, or one readable line on a terminal.

Whatever is logged inside an execution carries its correlation id, trace id, span id and method.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

from outgrow.context import current
from outgrow.contracts import Secret
from outgrow.telemetry.tracebacks import ExceptionInfo, format_exception

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
PROCESS_WIDTH = 10
"""How wide the column of process names is, at a terminal."""

_LEVEL_COLOURS = {"WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


class _Formatter(logging.Formatter):
    """What both have in common: tracebacks show the user's frames."""

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - the standard library's name
        return format_exception(ei)


class JsonFormatter(_Formatter):
    """
    One JSON object a line.

    Args:
        process: The name of this process in its topology; empty if it is the only one.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = {"process": process} if process else {}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record).isoformat(timespec="microseconds"),
            **self._process,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_execution(),
            **_extras(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class TerminalFormatter(_Formatter):
    """
    One line to read: time, level, message, and what belongs to it.

    Fields that the message tells already, as the record's ``_told`` names them, are left out.
    """

    def __init__(self, *, in_colour: bool, process: str = "") -> None:
        super().__init__()
        self._in_colour = in_colour
        self._column = f"{process:<{PROCESS_WIDTH}} " if process else ""

    def format(self, record: logging.LogRecord) -> str:
        fields = {**_execution(), **_extras(record)}
        for noise in ("trace_id", "span_id", *getattr(record, "_told", ())):
            fields.pop(noise, None)
        told = " ".join(f"{name}={value}" for name, value in fields.items())
        level = f"{record.levelname.lower():<8}"
        colour = _LEVEL_COLOURS.get(record.levelname)
        if self._in_colour and colour:
            level = f"\x1b[{colour}m{level}\x1b[0m"
        text = f"{_time(record):%H:%M:%S.%f} {level} {self._column}"
        text = f"{text}{record.getMessage()}  {told}".rstrip()
        if record.exc_info:
            text += f"\n{self.formatException(record.exc_info)}"
        return text


def configure_logs(
    stream: IO[str] | None = None,
    *,
    level: str = "INFO",
    process: str = "",
    is_terminal: bool | None = None,
) -> None:
    """
    Send all logs of this process to *stream*, standard error by default.

    Lines are for reading if the stream is a terminal, and JSON if it is not. Called once by the
    command line; an application that is embedded in another program leaves logging to it.

    Args:
        process: The name of this process in its topology, which each line tells.
        is_terminal: Whether a person reads at a terminal, though the stream may be none.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    if stream.isatty() if is_terminal is None else is_terminal:
        handler.setFormatter(TerminalFormatter(in_colour=True, process=process))
    else:
        handler.setFormatter(JsonFormatter(process))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _execution() -> dict[str, str]:
    """What tells the execution that is going on, if one is."""
    context = current(None)
    if context is None:
        return {}
    return {
        "correlation_id": context.correlation_id,
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "method": context.method,
    }


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: "***" if isinstance(value, Secret) else value
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }
