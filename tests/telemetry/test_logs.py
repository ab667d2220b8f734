"""A log line carries the execution that it was written in."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from outgrow.context import SYSTEM, Context, enter, leave
from outgrow.contracts import Secret
from outgrow.telemetry import JsonFormatter, TerminalFormatter, configure_logs


@pytest.fixture
def lines() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream, logger = io.StringIO(), logging.getLogger("test.logs")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, stream
    logger.removeHandler(handler)
    logger.propagate = True


@pytest.fixture
def execution() -> Iterator[Context]:
    context = Context(
        caller=SYSTEM, correlation_id="c1", trace_id=10, span_id=11, deadline=0, method="a.b"
    )
    token = enter(context)
    yield context
    leave(token)


def write(lines: tuple[logging.Logger, io.StringIO], formatter: logging.Formatter) -> str:
    logger, stream = lines
    logger.handlers[0].setFormatter(formatter)
    try:
        int("inner")
    except ValueError:
        logger.exception("it %s", "failed", extra={"order_id": "o1", "token": Secret("x")})
    return stream.getvalue()


def test_a_json_line_holds_message_extras_and_exception(lines) -> None:
    line = json.loads(write(lines, JsonFormatter()))

    assert (line["level"], line["logger"]) == ("error", "test.logs")
    assert (line["message"], line["order_id"], line["token"]) == ("it failed", "o1", "***")
    assert "ValueError: invalid literal" in line["exception"]
    assert "correlation_id" not in line


def test_a_json_line_carries_correlation_trace_and_method(lines, execution: Context) -> None:
    line = json.loads(write(lines, JsonFormatter()))

    assert line["correlation_id"] == "c1"
    assert line["trace_id"] == f"{10:032x}"
    assert line["span_id"] == f"{11:016x}"
    assert line["method"] == "a.b"


def test_what_the_line_says_itself_is_not_overwritten(lines, execution: Context) -> None:
    logger, stream = lines
    logger.handlers[0].setFormatter(JsonFormatter())
    logger.warning("x", extra={"correlation_id": "mine"})

    assert json.loads(stream.getvalue())["correlation_id"] == "mine"


def test_a_line_for_reading_is_one_line_with_what_belongs_to_it(lines, execution: Context) -> None:
    text = write(lines, TerminalFormatter(in_colour=False)).splitlines()[0]

    assert "error    it failed" in text
    assert "correlation_id=c1" in text
    assert "order_id=o1" in text
    assert "token=***" in text
    assert "trace_id" not in text


def test_at_a_terminal_fields_that_the_message_tells_are_left_out(lines) -> None:
    logger, stream = lines
    told = {"status": 200, "correlation_id": "c1", "_told": ("status",)}
    for formatter in (TerminalFormatter(in_colour=False), JsonFormatter()):
        logger.handlers[0].setFormatter(formatter)
        logger.warning("it was 200", extra=told)

    line, as_json = stream.getvalue().splitlines()
    assert line.endswith("it was 200  correlation_id=c1")
    assert json.loads(as_json)["status"] == 200


def test_a_traceback_shows_the_frames_of_the_user(lines) -> None:
    logger, stream = lines
    logger.handlers[0].setFormatter(TerminalFormatter(in_colour=False))
    names: dict[str, object] = {"logging": logging}
    exec(compile("def call(run): run()", "<door of a.b>", "exec"), names)
    call: Any = names["call"]
    try:
        call(lambda: json.loads("{"))
    except ValueError:
        logger.exception("it failed")

    text = stream.getvalue()
    assert "<door of" not in text
    assert "in <lambda>" in text
    assert "json/decoder.py" in text, "what the user has called belongs to it"


def test_a_traceback_without_a_frame_of_the_user_is_whole(lines) -> None:
    logger, stream = lines
    logger.handlers[0].setFormatter(TerminalFormatter(in_colour=False))
    names: dict[str, object] = {}
    exec(compile("def call(): 1 / 0", "<door of a.b>", "exec"), names)
    call: Any = names["call"]
    try:
        call()
    except ZeroDivisionError as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
        logger.error("it failed", exc_info=error)  # noqa: TRY400 - its own traceback

    assert "<door of" in stream.getvalue()


def test_a_line_tells_its_process_if_there_are_several(lines) -> None:
    told = json.loads(write(lines, JsonFormatter("front")))

    assert told["process"] == "front"


def test_at_a_terminal_the_process_has_a_column(lines) -> None:
    text = write(lines, TerminalFormatter(in_colour=False, process="front"))

    assert "error    front      it failed" in text


def test_who_knows_better_says_whether_it_is_a_terminal() -> None:
    before = logging.root.handlers[:], logging.root.level
    try:
        configure_logs(io.StringIO(), is_terminal=True, process="front")

        assert isinstance(logging.root.handlers[0].formatter, TerminalFormatter)
    finally:
        logging.root.handlers[:], logging.root.level = before
