"""Lines of many processes become one log."""

from __future__ import annotations

import asyncio
import io
import json
import os

import pytest

from outgrow.clock import ManualClock
from outgrow.process.supervision.merging import LINE_BYTES_MAX, LogPipe, Merged

OURS = b'{"time":"2030-01-01T00:00:00+00:00","process":"front","message":"ready"}'
NATS = b"[4711] 2030/01/01 00:00:00.000000 [%b] JetStream failed"


def merged(name: str, *lines: bytes, is_terminal: bool = False) -> list[str]:
    stream = io.BytesIO()
    Merged(stream, ManualClock(), is_terminal=is_terminal).write(name, list(lines))
    return stream.getvalue().decode().splitlines()


def test_a_log_line_of_ours_goes_through_as_it_is() -> None:
    assert merged("front", OURS) == [OURS.decode()]


def test_what_a_service_prints_becomes_a_log_line() -> None:
    (line,) = merged("front", b'{"time": "for tea"} \xff')

    told = json.loads(line)
    assert told["process"] == "front"
    assert told["message"] == '{"time": "for tea"} \ufffd'
    assert told["time"] == "2030-01-01T00:00:00.000000+00:00"


@pytest.mark.parametrize(("word", "level"), [(b"WRN", "warning"), (b"ERR", "error")])
def test_what_troubles_nats_has_its_level(word: bytes, level: str) -> None:
    (line,) = merged("nats", NATS % word)

    assert (json.loads(line)["level"], json.loads(line)["message"]) == (level, "JetStream failed")


def test_what_nats_says_when_it_is_well_is_left_out() -> None:
    assert merged("nats", NATS % b"INF") == []
    assert merged("nats", NATS % b"INF", is_terminal=True) == []


GRPC = b"E0101 00:00:00.000000   4711 ssl_transport_security.cc:3238] "
HANDSHAKE = (
    GRPC + b"Handshake failed with error SSL_ERROR_SSL: error:1000:SSL routines::%b: Invalid"
)


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        (b"WRONG_VERSION_NUMBER", "it spoke plain text"),
        (b"PEER_DID_NOT_RETURN_A_CERTIFICATE", "it showed no certificate"),
        (b"CERTIFICATE_VERIFY_FAILED: certificate has expired", "its certificate has ended"),
        (b"CERTIFICATE_VERIFY_FAILED: self signed", "of none of the authorities"),
        (b"SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
def test_a_connection_that_was_not_made_is_told_with_what_it_lacked(reason, meaning) -> None:
    (line,) = merged("back", HANDSHAKE % reason)

    told = json.loads(line)
    assert told["level"] == "warning"
    assert told["message"].startswith("a connection was not made, and nobody said who it was: ")
    assert meaning in told["message"]
    assert reason.decode() in told["message"]


def test_one_reason_of_one_process_is_told_once_a_minute_whatever_grpc_calls_it() -> None:
    stream, clock = io.BytesIO(), ManualClock()
    together = Merged(stream, clock, is_terminal=True)

    together.write("back", [HANDSHAKE % b"WRONG_VERSION_NUMBER", HANDSHAKE % b"HTTP_REQUEST"])
    together.write(
        "front", [HANDSHAKE % b"HTTP_REQUEST", GRPC + b"No match found for server name: x"]
    )
    clock.advance(60)
    together.write("back", [HANDSHAKE % b"HTTP_REQUEST"])

    lines = stream.getvalue().decode().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["back", "front", "back"]
    assert lines[2].endswith("(1 times more since this was said)")


def test_at_a_terminal_each_line_begins_with_its_process() -> None:
    ours = b"12:00:00.000000 info     front      ready"

    assert merged("front", ours, b"tea", is_terminal=True) == [ours.decode(), "front      | tea"]


def test_a_stream_that_is_gone_takes_nothing_and_harms_nothing() -> None:
    stream = io.BytesIO()
    stream.close()

    Merged(stream, ManualClock(), is_terminal=False).write("front", [OURS])


async def test_lines_are_whole_however_they_arrive() -> None:
    stream = io.BytesIO()
    together = Merged(stream, ManualClock(), is_terminal=True)
    pipe, writing = await LogPipe.open("front", together)

    for part in (b"on", b"e\n\ntwo\nthr", b"ee"):
        os.write(writing, part)
    os.close(writing)
    async with asyncio.timeout(10):
        await pipe.ended

    words = [line.split("| ")[1] for line in stream.getvalue().decode().splitlines()]
    assert words == ["one", "two", "three"]


async def test_a_line_without_end_is_cut() -> None:
    stream = io.BytesIO()
    pipe = LogPipe("front", Merged(stream, ManualClock(), is_terminal=True))

    pipe.data_received(b"x" * (LINE_BYTES_MAX + 1))

    assert len(stream.getvalue()) > LINE_BYTES_MAX
