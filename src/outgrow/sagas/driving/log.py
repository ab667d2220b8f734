"""What is written down of one saga, and what is new and not written down yet."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Any, Final

from outgrow import crash
from outgrow.clock import Clock
from outgrow.errors import CommitUnknown, SagaDiverged, StepRefused
from outgrow.journal import KEEP_SECONDS, Superseded, time_of, time_text
from outgrow.sagas import book
from outgrow.sagas.book import PLANNED, SagaRow, StepRow
from outgrow.sagas.driving.signals import Expired, Joined, TooOld
from outgrow.store import Store, Transaction

STEPS_MAX: Final = 1_000
"""How many steps, queries, moments, pauses and events one saga may have."""

AGE_SECONDS_MAX: Final = KEEP_SECONDS - 10.0
"""How old a step may be when it is undone unanswered: the other side remembers keys no longer."""

SEND_SECONDS_MAX: Final = KEEP_SECONDS - 3_600.0
"""How old a step may be when it is sent again; then the saga is undone, while that is safe."""


class SagaLog:
    """
    The rows of one saga, in memory and in the store.

    What happens is noted here, and written down by `save`, all of it in one commit.

    Attributes:
        row: How the saga stands.
        steps: What it has done, by number.
        is_begun: Whether it is in the store.
        is_superseded: Whether somebody else in this process has decided about the saga. Nothing is
            written down here any more.
    """

    def __init__(self, store: Store, row: SagaRow, steps: list[StepRow], *, is_begun: bool) -> None:
        self.row = row
        self.steps = {step.number: step for step in steps}
        self.is_begun = is_begun
        self.is_superseded = False
        self._store = store
        self._clock: Clock = store.clock
        self._dirty: set[int] = set()
        self._is_changed = False
        self._unknown: CommitUnknown | None = None
        self._saving = asyncio.Lock()

    def read(self, number: int, kind: str, name: str, arguments: str, **more: Any) -> StepRow:
        """
        What is written down as *number*; if nothing is, what is asked for now is new there.

        Raises:
            SagaDiverged: Something else is written down.
            StepRefused: The saga has too many already.
        """
        asked = StepRow(
            saga=self.row.id,
            number=number,
            kind=kind,
            name=name,
            arguments=arguments,
            state=PLANNED,
            planned_at=time_text(self._clock.now()),
            **more,
        )
        row = self.steps.get(number)
        if row is None:
            if number > STEPS_MAX:
                message = (
                    f"a saga has {STEPS_MAX} steps at most. Let one that goes on for ever end, and "
                    "begin the next by an event."
                )
                raise StepRefused(message)
            self.steps[number] = asked
            self._dirty.add(number)
            return asked
        if row.shown != asked.shown:
            raise SagaDiverged(number, row.shown, asked.shown)
        return row

    def is_new(self, row: StepRow) -> bool:
        """Whether there is something about *row* that is not written down."""
        return row.number in self._dirty

    def answer(self, row: StepRow, state: str, result: str) -> None:
        """Note the answer of a step."""
        row.result = result
        self.note(row, state)

    def note(self, row: StepRow, state: str) -> None:
        """Note what became of a step; whoever gets on has no failed attempts."""
        row.state = state
        self._dirty.add(row.number)
        if self.row.attempts:
            self.change(attempts=0, error=None)

    def change(self, **fields: Any) -> None:
        """Note how the saga stands."""
        for name, value in fields.items():
            setattr(self.row, name, value)
        self._is_changed = True

    def forget_new(self) -> None:
        """Forget what was asked for and is not written down."""
        self._dirty.clear()

    @property
    def is_saved(self) -> bool:
        """Whether all is written down."""
        return self.is_begun and not self._is_changed and not self._dirty

    async def begin(self) -> None:
        """
        Write down that the saga has begun, and nothing of what it has asked for since.

        Raises:
            Joined: Another saga was begun under its key before.
            Superseded: It was given up before it was written down.
        """

        async def unit(tx: Transaction) -> None:
            if not await book.begin(tx, self.row):
                raise Joined

        async with self._saving:
            if self.is_begun:
                return
            if self.is_superseded:
                raise Superseded(f"saga {self.row.id} never was")
            await self._store.transact(unit)
            self.is_begun = True

    async def is_kept(self) -> bool:
        """Whether it is in the store; if it is not, it never will be."""
        async with self._saving:
            if not self.is_begun:
                self.is_superseded = True
            return self.is_begun

    async def save(self, effect: Callable[[Transaction], Awaitable[None]] | None = None) -> None:
        """
        Write down all that is new, in one commit with *effect*.

        Raises:
            Joined: Another saga was begun under its key before.
            Superseded: Another process has taken it up.
            CommitUnknown: Nobody knows what is written down, of this or of what came before it: it
                is read again before anything else is.
        """
        async with self._saving:
            if self._unknown is not None:
                raise self._unknown
            numbers, self._dirty = self._dirty, set()
            is_changed, self._is_changed = self._is_changed, False
            before, last, runs = copy.copy(self.row), len(self.steps), 0

            async def unit(tx: Transaction) -> None:
                nonlocal runs
                runs += 1
                if runs > 1:
                    self._take_back(before, last)
                if effect is not None:
                    await effect(tx)
                numbers.update(self._dirty)
                numbers.intersection_update(self.steps)
                self._dirty.clear()
                await self._write(tx, sorted(numbers), is_changed=is_changed or self._is_changed)

            try:
                await self._store.transact(unit)
            except BaseException as error:
                if isinstance(error, CommitUnknown):
                    self._unknown = error
                self._take_back(before, last)
                self._dirty |= numbers & self.steps.keys()
                self._is_changed = True
                raise
            self.is_begun, self._is_changed = True, False
        crash.at("sagas.after_save")

    def _take_back(self, before: SagaRow, last: int) -> None:
        """Forget what a unit noted that was rolled back: how the saga stands, and later steps."""
        for name in book.CHANGING:
            setattr(self.row, name, getattr(before, name))
        for number in range(last + 1, len(self.steps) + 1):
            del self.steps[number]
        self._dirty.intersection_update(self.steps)

    async def read_again(self) -> None:
        """
        Forget what is in memory, and read what is written down.

        Raises:
            Superseded: Another process has taken the saga up.
        """
        async with self._saving, self._store.read() as snapshot:
            row = await book.find(snapshot, self.row.id)
            steps = await book.steps_of(snapshot, self.row.id)
        if row is not None and row.epoch != self.row.epoch:
            raise Superseded(f"saga {row.id} was taken up after epoch {self.row.epoch}")
        if row is not None:
            for name in book.CHANGING:
                setattr(self.row, name, getattr(row, name))
        self.is_begun = row is not None
        self.steps = {step.number: step for step in steps}
        self._dirty.clear()
        self._is_changed = False

    async def is_taken(self) -> bool:
        """Whether another saga was begun under its key before."""
        if self.is_begun:
            return False
        row = self.row
        async with self._store.read() as snapshot:
            return await book.find_key(snapshot, row.method, row.scope, row.key) is not None

    def forget_unsent(self) -> None:
        """Forget steps that are planned and not written down, so that they were never sent."""
        for number in sorted(self._dirty, reverse=True):
            if number == len(self.steps) and self.steps[number].state == PLANNED:
                self._dirty.discard(number)
                del self.steps[number]

    def forget_moments(self) -> None:
        """Forget moments that were asked for last and are not written down."""
        while (last := len(self.steps)) in self._dirty and self.steps[last].kind == "now":
            self._dirty.discard(last)
            del self.steps[last]

    async def save_end(self) -> None:
        """Write down that the saga has ended."""
        self._is_changed = True
        crash.at("sagas.before_end")
        await self.save()
        crash.at("sagas.after_end")

    async def _write(self, tx: Transaction, numbers: list[int], *, is_changed: bool) -> None:
        if self.is_superseded:
            raise Superseded(f"an operator has decided about saga {self.row.id}")
        if not self.is_begun:
            if not await book.begin(tx, self.row):
                raise Joined
        elif is_changed or self._store.is_shared:
            await book.save(tx, self.row)
        await book.save_steps(tx, [self.steps[number] for number in numbers])
        crash.at("sagas.before_commit")

    def check_time(self, row: StepRow | None = None) -> None:
        """
        See whether there is time left for the saga, and to send the step *row*.

        Raises:
            Expired: The saga's time is over.
            TooOld: Nobody knows any more whether the step took effect.
        """
        now = self._clock.now()
        if now >= time_of(self.row.deadline_at):
            raise Expired("its time was over.")
        age = 0.0 if row is None else self.age_of(row)
        if row is not None and AGE_SECONDS_MAX > age >= SEND_SECONDS_MAX:
            raise Expired(f"step {row.name} had no answer for {age / 3600:.0f} hours.")
        if age >= AGE_SECONDS_MAX:
            raise TooOld(
                "a step is older than the other side remembers keys, so if it arrived there, it "
                "would take effect again. Look there; then skip it if it did, or undo the saga."
            )

    def age_of(self, row: StepRow) -> float:
        """How many seconds ago a step was planned."""
        return (self._clock.now() - time_of(row.planned_at)).total_seconds()
