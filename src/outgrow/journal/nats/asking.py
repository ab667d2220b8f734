"""Asking the process that hosts a service for its journal, and answering."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec
from nats.aio.msg import Msg

from outgrow import crash
from outgrow.journal.archiving import warn_of_archives
from outgrow.journal.messages import Batch
from outgrow.journal.nats.relay import Relay
from outgrow.journal.nats.streams import Stream
from outgrow.journal.nats.wire import (
    Answer,
    Question,
    decode_answer,
    decode_question,
    decode_wire,
    encode,
)
from outgrow.journal.reading import Journal
from outgrow.nats import Connection, Line, Lost, NoAnswer

ANSWERED_EVENTS_MAX: Final = 256
"""How many events of its journal a process gives in one answer."""

ASK_SECONDS_MAX: Final = 2.0
"""How long an answer may take; the process that was asked may have died meanwhile."""

ANSWER_BYTES_MAX: Final = 1024 * 1024
"""How large such an answer may be, if the server takes so much; one event it has always."""

ANSWER_SLACK_BYTES: Final = 4096

_log = logging.getLogger("outgrow.journal.nats")


class Answering:
    """
    Answers other processes that ask for the journal of a service which is hosted here.

    Lives as long as its broker; one task runs it.

    Args:
        types: What may leave the service; of anything else nothing is said.
    """

    def __init__(
        self, journal: Journal, types: frozenset[str], stream: Stream, line: Line, relay: Relay
    ) -> None:
        self._journal = journal
        self._types = types
        self._stream = stream
        self._line = line
        self._relay = relay
        self._woken = asyncio.Event()
        self.answered = 0
        line.watch(self._woken.set)

    async def run(self) -> None:
        """Answer until cancelled."""
        # Before the relay has asked the stream, nobody knows what the last event is.
        await self._relay.placed.wait()
        while True:
            connection = await self._line.connected()
            self._woken.clear()
            try:

                async def answer(message: Msg, connection: Connection = connection) -> None:
                    await self._answer(connection, message)

                await connection.subscribe(self._stream.ask_subject, answer)
                while not connection.is_lost:
                    await self._woken.wait()
                    self._woken.clear()
            except Lost:
                await self._line.clock.sleep(0.0)

    async def _answer(self, connection: Connection, message: Msg) -> None:
        try:
            question = decode_question(message.data)
            payload = await self._payload(question, connection.payload_bytes_max)
        except Exception as error:  # noqa: BLE001 - the relay is a border: the asker tries again later
            _log.exception("%s: a question was not answered", self._stream.ask_subject)
            payload = encode(Answer(error=repr(error)))
        crash.at("nats.before_answer")
        try:
            await connection.publish(message.reply, payload)
        except Lost:
            return
        self.answered += 1

    async def _payload(self, question: Question, bytes_max: int) -> bytes:
        if question.after is None:
            end, opening = await self._relay.last_event(), self._journal.opening
            if question.since and opening and question.since <= opening.at:
                end = min(end, opening.end)
            return encode(Answer(position=end))
        limit = min(question.limit, ANSWERED_EVENTS_MAX)
        types = self._relay.meant_by(question.types)
        if question.after == 0:
            deleted_up_to = await self._journal.deleted_up_to()
            warn_of_archives("a handler in another process", self._journal.service, deleted_up_to)
        batch = await self._journal.events(question.after, types, limit)
        return self._within(batch, min(ANSWER_BYTES_MAX, bytes_max - ANSWER_SLACK_BYTES))

    def _within(self, batch: Batch, bytes_max: int) -> bytes:
        """
        *batch* as an answer of about *bytes_max*: all of it, or its beginning, but one at least.

        It ends before an event that may not leave. That is not passed over: this process may still
        run the code of before the event was public, or had the name by which it was asked for.
        """
        wires: list[msgspec.Raw] = []
        position, size = batch.position, 0
        for message in batch.messages:
            is_public = message.type in self._types
            if not is_public and not wires:
                return encode(Answer(error=f"not public there: {message.type}"))
            wire = self._relay.wire(message, 0)
            size += len(wire) + 1
            if not is_public or (wires and size > bytes_max):
                return encode(Answer(position, is_last=False, messages=wires))
            wires.append(msgspec.Raw(wire))
            position = message.position
        return encode(Answer(batch.position, batch.is_last, wires))


async def ask_events(
    connection: Connection, stream: Stream, after: int, types: Collection[str], limit: int
) -> Batch:
    """
    The next events of *types* behind *after*, from the journal itself.

    Raises:
        Lost: The connection ended.
        NoAnswer: No process hosts the service now, or it could not answer.
    """
    answer = await _ask(connection, stream, Question(after, list(types), limit))
    found = [decode_wire(wire).message.known_as(types) for wire in answer.messages]
    messages = [message for message in found if message is not None]
    return Batch(messages, answer.position, answer.is_last)


async def ask_end(connection: Connection, stream: Stream, since: datetime | None = None) -> int:
    """
    The position of the last event of the journal that may leave its service.

    Args:
        since: When a process with a new handler began: if the service opened later, nothing that it
            has recorded then is counted.

    Raises:
        Lost: The connection ended.
        NoAnswer: No process hosts the service now, or it could not answer.
    """
    return (await _ask(connection, stream, Question(since=since))).position


async def _ask(connection: Connection, stream: Stream, question: Question) -> Answer:
    message = await connection.request(stream.ask_subject, encode(question), ASK_SECONDS_MAX)
    answer = decode_answer(message.data)
    if answer.error:
        raise NoAnswer(f"{stream.ask_subject}: {answer.error}")
    return answer
