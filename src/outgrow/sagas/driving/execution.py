"""One run of the method of one saga, driven by hand from what it waits for to the next."""

from __future__ import annotations

import asyncio
import hashlib
import types
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from outgrow.context import enter, leave
from outgrow.contracts import Method, Problem
from outgrow.errors import (
    CommandOutsideStep,
    CommitUnknown,
    SagaDiverged,
    StepNotAwaited,
    StepRefused,
)
from outgrow.journal import Replies, time_of, time_text
from outgrow.sagas.book import PLANNED, REPLY
from outgrow.sagas.driving.contexts import own_context
from outgrow.sagas.driving.log import SagaLog
from outgrow.sagas.driving.operations import Host, Operations, Question
from outgrow.sagas.driving.outcomes import ABORTED, Ended, Kept, Outcome, conclude, give_up, told
from outgrow.sagas.driving.signals import Failed, Unreadable
from outgrow.sagas.saga import Operation, Saga, Step


class Execution:
    """
    Drives the method of one saga, once: from its beginning to its end, or until it has to wait.

    What was done before is answered from what is written down. What happens is written down at the
    latest before it is acted upon: a reply together with the next step, and the last one together
    with the end. It belongs to one task.

    Attributes:
        log: What is written down.
        context: The saga's.
        may_be_cancelled: Whether a cancellation of its task ends the work at it. If not, whatever
            else cancels the task comes from the method itself, as `asyncio.timeout` does.
        is_running: False; what asks takes this for an open transaction.
    """

    is_running: ClassVar[bool] = False

    def __init__(
        self, host: Host, log: SagaLog, make: Callable[[Saga], Any], replies: Replies
    ) -> None:
        self.log = log
        self.may_be_cancelled = True
        self._holder = log.row.holder
        self.context = own_context(log.row, host.clock, self)
        self._clock = host.clock
        self._replies = replies
        self._make = make
        self._coroutine: Any = None
        self._operations = Operations(host, log, self.context, self._advance)
        self._ids = 0
        self._is_driving = False
        self._is_closing = False
        self._not_awaited: dict[Operation, None] = {}
        self._next: Operation | Ended | None = None
        self._signal: Any = None
        self._failure: Failed | SagaDiverged | None = None
        self._refusal: StepRefused | None = None

    # What the saga's method asks for at once.

    def begin(self, operation: Operation) -> None:
        self._not_awaited[operation] = None

    def check(self, operation: Operation) -> None:
        if self._is_closing:
            return  # It is not carried out. An error here could be caught, again and again.
        if not self._is_driving:
            message = (
                "a step was awaited by another task than its saga's, or after the saga's end. Do "
                "steps at the same time by await run.all(first, second)."
            )
            raise StepRefused(message)
        if isinstance(operation, Step) and operation not in self._not_awaited:
            # Told when it is carried out: whoever catches it and asks again lets others run.
            message = "a step is awaited once. Make another one for the second time."
            self._refusal = StepRefused(message)
        self._not_awaited.pop(operation, None)

    def now(self) -> datetime:
        if self._is_closing:
            return self._clock.now()
        try:
            step = self._operations.read("now", "", "")
        except SagaDiverged as error:
            self._failure = error  # The method may swallow it.
            raise
        if step.state == PLANNED:
            self.log.answer(step, REPLY, time_text(self._clock.now()))
        return time_of(step.result or "")

    def new_id(self) -> str:
        self._ids += 1
        digest = hashlib.sha256(f"{self.log.row.id}\n{self._ids}".encode()).hexdigest()
        began = int(time_of(self.log.row.started_at).timestamp() * 1000)
        moment, variant = f"{began:012x}", "89ab"[int(digest[3], 16) % 4]
        return f"{moment[:8]}-{moment[8:]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"

    def tag(self, tags: dict[str, str]) -> None:
        if self._is_closing:
            return
        told = msgspec.json.decode(self.log.row.tags, type=dict[str, str]) | tags
        self.log.change(tags=msgspec.json.encode(told, order="sorted").decode())

    def ask(self, method: Method, arguments: tuple[Any, ...]) -> Question:
        """
        Ask a query, which is written down like a step; for clients.

        Raises:
            CommandOutsideStep: It is a command, or a stream.
        """
        if method.kind != "query" or method.is_streaming:
            raise CommandOutsideStep(method.full_name)
        return Question(self.check, method, arguments)

    # Driving it.

    async def run(self) -> None:
        """
        Go on to the end of the saga's method, and write down what became of it.

        Raises:
            Away: It waits for its time.
            Failed: Something went wrong that may pass.
            Expired: Its time is over.
            TooOld: It cannot be known whether a step took effect.
            SagaDiverged: Its code does something else than it did before.
            Unreadable: Its code cannot be given its arguments.
            Joined: There is a saga under its key already.
            Superseded: Another process has taken it up.
        """
        try:
            self._coroutine = self._make(Saga(self.log.row.id, self))
        except Exception as error:
            raise Unreadable from error
        try:
            self._advance(Outcome(None))
            await self._follow()
            while not isinstance(self._next, Ended):
                operation, self._next = self._next, None
                assert operation is not None, "it asks, or it has ended"
                refusal, self._refusal = self._refusal, None
                try:
                    outcome = (
                        await self._operations.carry_out(operation)
                        if refusal is None
                        else Outcome(None, refusal)
                    )
                except asyncio.CancelledError:
                    if self.may_be_cancelled:
                        raise
                    if self._is_ahead:  # It is not this operation that the method waits for.
                        raise self._nobody_knows() from None
                    await self._refuse_cut()
                    return
                if not self._is_ahead:
                    self._advance(outcome)
                await self._follow()
                if isinstance(outcome.error, StepRefused) and not isinstance(self._next, Ended):
                    # Its code swallowed it, and would perhaps do so for ever.
                    self._end(Ended(None, outcome.error))
            if self._failure is not None:
                raise self._failure
            if not self.log.is_saved:
                await self.log.save_end()
        finally:
            self._close()

    async def _refuse_cut(self) -> None:
        """
        Give the saga up, whose method has cut off what it waits for.

        A replay would not be cut off at the same place. What was committed meanwhile is read again.
        """
        self._close()
        try:
            await self.log.read_again()
        except Exception as error:
            raise self._nobody_knows() from error
        row, now = self.log.row, self._clock.now()
        if row.ended_at is None:
            row.holder = self._holder
            give_up(row, self.log.steps, Kept(ABORTED, told(StepRefused(_CUT))), now)
            await self.log.save_end()

    def _nobody_knows(self) -> CommitUnknown:
        """What lets the saga be taken up again as it is written down."""
        return CommitUnknown(self.log.row.method, f"saga {self.log.row.id}")

    def _close(self) -> None:
        """
        End the method where it stands. What it does then has no effect, and may go wrong.

        Nor is anything noted that it asks for then: it would stand in the place of what the next
        run asks for there.
        """
        token, self._is_closing = enter(self.context), True
        try:
            with suppress(Exception, BaseExceptionGroup):  # Which a task group makes of its end.
                self._coroutine.close()
        finally:
            leave(token)
        task = asyncio.current_task()
        while not self.may_be_cancelled and task is not None and task.cancelling():
            task.uncancel()  # That was the method's matter.

    @property
    def _is_ahead(self) -> bool:
        """Whether the method has its outcome already, in the unit of work that made it."""
        return self._next is not None or self._signal is not None

    def _advance(self, outcome: Outcome) -> None:
        """Let the method go on with *outcome*, as far as it goes without waiting."""
        token, self._is_driving, self._signal = enter(self.context), True, None
        try:
            if outcome.error is None:
                signal = self._coroutine.send(outcome.value)
            else:
                signal = self._coroutine.throw(outcome.error)
        except StopIteration as stop:
            self._end(Ended(stop.value))
        except asyncio.CancelledError as error:
            if self.may_be_cancelled:
                raise
            self._end(Ended(None, error))
        except Exception as error:  # noqa: BLE001 - the border to the saga's code
            self._end(Ended(None, error))
        else:
            if isinstance(signal, Operation):
                self._next = signal
            else:
                self._signal = signal or _NOTHING
        finally:
            self._is_driving = False
            leave(token)

    async def _follow(self) -> None:
        """Wait for what the method waits for by itself, until it asks for something of ours."""
        while self._next is None:
            signal, self._signal = self._signal, None
            try:
                value = await _passed_on(None if signal is _NOTHING else signal)
            except asyncio.CancelledError as error:
                if self.may_be_cancelled:
                    raise
                self._advance(Outcome(None, error))
            except Exception as error:  # noqa: BLE001 - the saga's code gets it
                self._advance(Outcome(None, error))
            else:
                self._advance(Outcome(value))

    def _end(self, ended: Ended) -> None:
        """Note that the method has ended, and what that means; perhaps inside of a unit of work."""
        self._next = ended
        log, number = self.log, self._operations.number
        if self._failure is not None:
            return
        if ended.error is None and self._not_awaited:
            told = ", ".join(map(str, self._not_awaited))
            ended = Ended(None, StepNotAwaited(f"made and never awaited: {told}. Await each."))
        if isinstance(ended.error, BaseExceptionGroup):
            ended = Ended(None, _final_of(ended.error))
        if ended.error is not None and not isinstance(ended.error, _FINAL):
            self._failure = Failed()
            self._failure.__cause__ = ended.error
            log.forget_moments()  # It may have asked for them because of the failure.
            return
        log.forget_unsent()
        if number < len(log.steps):
            self._failure = SagaDiverged(number + 1, log.steps[number + 1].shown, "nothing more")
        else:
            conclude(log.row, log.steps, ended, self._replies, self._clock.now())
            log.change()


_FINAL = (Problem, StepRefused, StepNotAwaited, CommandOutsideStep)
"""What undoes a saga at once; anything else that its method raises may pass."""


def _final_of(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first in *group* that undoes a saga at once, which a task group of its method raised."""
    found: Any = group.subgroup(_FINAL) or group
    while found is not group and isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


_CUT = (
    "the saga's method cut off what it waited for, by asyncio.timeout or a task group of its own; "
    "a replay would not be cut off at the same place. Let a saga's time be over by "
    '@saga(deadline="10m"), and wait for an event by run.until(..., within=...).'
)

_NOTHING: Any = object()
"""What a method yields that only lets others run."""


@types.coroutine
def _passed_on(signal: Any) -> Generator[Any, Any, Any]:
    """Let the running task wait for *signal*, which the method of a saga waits for."""
    return (yield signal)
