"""Later versions of `BookingsService`: right ones beside the code of before, and wrong ones."""

from __future__ import annotations

from datetime import timedelta

from outgrow import Saga, Transaction, saga, transactional
from tests.sagas.timing.bookings import BookingsService


class Grown(BookingsService):
    """Says something else, and keeps the code of before beside it."""

    @saga(version=2, deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved anew").undo(self.erase, name)
        await run.sleep(timedelta(seconds=seconds))
        await run.step(self.note, name, "reminded anew")
        return f"anew {name}"

    @saga(version=1, name="remind", deadline="30d")
    async def remind_as_before(self, run: Saga, name: str, seconds: int) -> str:
        run.tag(name=name)
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        self.moments.append(run.now())
        await run.sleep(timedelta(seconds=seconds))
        await run.step(self.note, name, "reminded")
        return f"{name} {run.now().isoformat()}"


class Shrunk(BookingsService):
    """Has the new version alone."""

    @saga(version=2, deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        return f"anew {name}"


class OtherArgument(BookingsService):
    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "booked").undo(self.erase, name)
        raise AssertionError


class OtherStep(BookingsService):
    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.jot, name, "reserved").undo(self.erase, name)
        raise AssertionError

    @transactional
    async def jot(self, tx: Transaction, name: str, said: str) -> None:
        raise AssertionError


class OtherUndo(BookingsService):
    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved").undo(self.erase, f"{name}!")
        raise AssertionError


class NoUndo(BookingsService):
    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved")
        raise AssertionError


class OneMore(BookingsService):
    """Does something between what was done and what comes next."""

    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        await run.step(self.note, name, "in between")
        raise AssertionError


class OneLess(BookingsService):
    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        run.now()
        return name


class OtherPause(BookingsService):
    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        run.now()
        await run.sleep(timedelta(seconds=seconds + 1))
        raise AssertionError


class Swallowing(BookingsService):
    """Catches whatever tells it that it differs, and goes on."""

    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        try:
            run.now()
        except Exception:  # noqa: BLE001 - that is the mistake
            await run.step(self.note, name, "sneaked in")
        return name


CHANGED = [OtherArgument, OtherStep, OtherUndo, NoUndo, OneMore, OneLess, OtherPause, Swallowing]


class Spread(BookingsService):
    """Lets a caller give more than before, which is no other saga."""

    @saga(deadline="40d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        run.tag(name=name, more="yes")
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        self.moments.append(run.now())
        await run.sleep(timedelta(seconds=seconds))
        await run.step(self.note, name, "reminded")
        await run.step(self.note, name, "reminded again")
        return name


for each in (Grown, Shrunk, Spread, *CHANGED):
    each.__module__ = BookingsService.__module__  # They are of the same service.
