"""The body of a request as a stream: one item in JSON in each line, read as they are asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from outgrow.contracts import Method, Misfit, Parameter, foreign_decoder, refuse_duplicates
from outgrow.errors import ArgumentsRefused
from outgrow.gateway.binding import Diagnosis, KnownFields
from outgrow.gateway.exchange import Request
from outgrow.gateway.limits import Limits
from outgrow.gateway.refusals import Refusal

_TOO_DEEP = "is nested too deeply"


class LineReader:
    """Makes items of lines, for one method. Lives as long as its edge."""

    def __init__(self, method: Method, parameter: Parameter, limits: Limits) -> None:
        self._method = method
        self._shape = parameter.shape
        self._findings_max = limits.findings_max
        self.line_bytes_max = limits.line_bytes_max
        self._is_known = KnownFields().check(parameter.shape)
        self._decode = foreign_decoder(parameter.hint, self._refuse_unknown)

    def lines(self, request: Request) -> Lines:
        """The items in the body of *request*."""
        return Lines(request, self)

    def read(self, number: int, line: bytes) -> Any:
        """
        The item in the *line* of that number.

        Raises:
            ArgumentsRefused: All that is wrong with it, at ``line <number>``.
        """
        try:
            return self._decode(line)
        except (ValueError, RecursionError) as error:
            place = f"line {number}"
            found = list(itertools.islice(self._findings(line, place), self._findings_max))
            refused = ArgumentsRefused(self._method.full_name, found or [(place, str(error))])
            refused.may_have_run = True  # the lines before it have been taken
            raise refused from error

    def too_long(self, number: int) -> Refusal:
        """What is raised for a line that is over the limit."""
        return Refusal(
            413,
            "LineTooLong",
            f"Line {number} of the body has more than {self.line_bytes_max} bytes. The lines "
            "before it have been taken.",
            line=number,
            line_bytes_max=self.line_bytes_max,
            may_have_run=True,
        )

    def _refuse_unknown(self, raw: Any) -> None:
        if self._is_known is not None and not self._is_known(raw):
            raise ValueError

    def _findings(self, line: bytes, place: str) -> Iterator[tuple[str, str]]:
        try:
            raw = msgspec.json.decode(line)
        except RecursionError:
            yield place, _TOO_DEEP
            return
        except ValueError as error:
            yield place, f"is no JSON: {error}"
            return
        try:
            refuse_duplicates(line)
        except Misfit as misfit:
            for where, problem in misfit.findings:
                yield place + where, problem
        yield from Diagnosis(is_text=False).value(raw, self._shape, place)


class Lines:
    """
    The items of one body. Holds no more of it than one line and what came with its end.

    The client is held up while nobody asks: its next bytes are read when they are needed.
    """

    def __init__(self, request: Request, reader: LineReader) -> None:
        self._request = request
        self._reader = reader
        self._buffer = bytearray()
        self._searched = 0
        self._number = 0
        self._is_over = not request.has_unread_body
        self._ended = asyncio.Event()
        if self._is_over:
            self._ended.set()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while True:
            line = await self._line()
            if line is None:
                raise StopAsyncIteration
            self._number += 1
            if line and not line.isspace():
                return self._reader.read(self._number, line)

    async def _line(self) -> bytes | None:
        """The next line, without its end; None if there is none."""
        while True:
            at = self._buffer.find(b"\n", self._searched)
            if at > self._reader.line_bytes_max or (
                at < 0 and len(self._buffer) > self._reader.line_bytes_max
            ):
                raise self._reader.too_long(self._number + 1)
            if at >= 0:
                return self._take(at)
            if self._is_over:
                return self._take(len(self._buffer)) if self._buffer else None
            self._searched = len(self._buffer)
            self._buffer += await self._request.chunk()
            if not self._request.has_unread_body:
                self._is_over = True
                self._ended.set()

    def _take(self, length: int) -> bytes:
        line = bytes(self._buffer[:length])
        del self._buffer[: length + 1]
        self._searched = 0
        return line

    async def wait_disconnect(self) -> None:
        """
        Wait until the client has gone away.

        Other servers than ours tell it only to who reads, and the method may never read on.
        """
        if self._request.gone is not None:
            await self._request.gone.wait()
        else:
            await self._ended.wait()
            await self._request.wait_disconnect()

    async def aclose(self) -> None:
        """Read no more."""
        self._is_over = True
        self._buffer.clear()
