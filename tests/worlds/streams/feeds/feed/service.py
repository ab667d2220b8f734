"""How the feed keeps its promise."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import field

from feeds.feed.contract import Dry, Feed, Item, Noted, Number, Seen
from outgrow import context, service


@service
class FeedService(Feed):
    """Counts what happens to its streams, by their names."""

    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    gates: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    @contextmanager
    def _note(self, name: str) -> Iterator[None]:
        self.notes[name, "begun"] += 1
        try:
            yield
        except GeneratorExit:
            self.notes[name, "closed"] += 1
            raise
        except asyncio.CancelledError:
            self.notes[name, "cancelled"] += 1
            raise
        finally:
            self.notes[name, "ended"] += 1

    async def count(self, upto: int) -> AsyncIterator[int]:
        for n in range(upto):
            yield n

    async def list_items(self, upto: int) -> AsyncIterator[Item]:
        item = Item(number=0, tags=["first"])
        for n in range(upto):
            yield Item(number=n, tags=item.tags)

    async def give_one(self, item: Item, often: int) -> AsyncIterator[Item]:
        for _ in range(often):
            yield item

    async def run_dry(self, after: int) -> AsyncIterator[int]:
        for n in range(after):
            yield n
        raise Dry(number=after)

    async def fail(self, after: int, text: str) -> AsyncIterator[int]:
        for n in range(after):
            yield n
        raise KeyError(text)

    async def flow(self, name: str, size: int) -> AsyncIterator[bytes]:
        with self._note(name):
            while True:
                self.notes[name, "made"] += 1
                yield bytes(size)

    async def stop_after(self, name: str, after: int) -> AsyncIterator[int]:
        with self._note(name):
            for n in range(after):
                self.notes[name, "made"] += 1
                yield n
            await self.gates[name].wait()

    async def hurry(self, name: str, after: int) -> AsyncIterator[int]:
        async for n in self.stop_after(name, after):
            yield n

    async def count_secretly(self, name: str) -> AsyncIterator[int]:
        with self._note(name):
            yield 1

    async def see(self, often: int) -> AsyncIterator[Seen]:
        for _ in range(often):
            now = context()
            yield Seen(
                subject=now.caller.subject,
                correlation_id=now.correlation_id,
                trace=f"{now.trace_id:032x}",
                via=now.via,
            )

    async def misfit(self, after: int) -> AsyncIterator[Item]:
        for n in range(after):
            yield Item(number=n, tags=[])
        yield "no item"  # type: ignore[misc]

    async def add(self, numbers: AsyncIterator[Number]) -> int:
        total = 0
        async for number in numbers:
            total += number
        return total

    async def add_tags(self, name: str, items: AsyncIterator[Item]) -> list[str]:
        with self._note(name):
            tags: list[str] = []
            async for item in items:
                item.tags.append("seen")
                tags += item.tags
            return tags

    async def take(self, name: str, upto: int, numbers: AsyncIterator[int]) -> int:
        with self._note(name):
            if upto < 0:
                raise Dry(number=upto)
            taken = 0
            if upto == 0:
                return taken
            async for number in numbers:
                taken += 1
                self.notes[name, "taken"] += 1
                if taken == upto:
                    return number
            await self.gates[name].wait()
            raise Dry(number=taken)

    async def take_bytes(self, name: str, pieces: AsyncIterator[bytes]) -> int:
        with self._note(name):
            taken = 0
            async for piece in pieces:
                taken += len(piece)
                self.notes[name, "taken"] += 1
                await self.gates[name].wait()
            return taken

    async def echo(self, name: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
        with self._note(name):
            yield "ready"
            async for line in lines:
                self.notes[name, "taken"] += 1
                yield line
            yield "done"

    async def noted(self, name: str) -> Noted:
        kinds = ("begun", "made", "taken", "ended", "closed", "cancelled")
        return Noted(**{kind: self.notes[name, kind] for kind in kinds})

    async def let_go(self, name: str) -> None:
        self.gates[name].set()
