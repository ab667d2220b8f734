"""How the relay keeps its promise."""

from collections.abc import AsyncIterator

from feeds.feed.contract import Feed, Seen
from feeds.relay.contract import Relay
from outgrow import Store, Transaction, context, service, transactional
from outgrow.errors import CallFailed, CallInTransaction


@service
class RelayService(Relay):
    """Asks the feed in every way in which streams can be asked for."""

    feed: Feed
    store: Store

    async def count(self, upto: int) -> AsyncIterator[int]:
        async for n in self.feed.count(upto):
            yield n

    async def flow(self, name: str, size: int) -> AsyncIterator[bytes]:
        async for piece in self.feed.flow(name, size):
            yield piece

    async def stop_after(self, name: str, after: int) -> AsyncIterator[int]:
        async for n in self.feed.stop_after(name, after):
            yield n

    async def see(self, often: int) -> AsyncIterator[list[Seen]]:
        async for seen in self.feed.see(often):
            yield [_seen(), seen]
        yield [_seen()]

    async def see_in_given(self) -> list[Seen]:
        seen: list[Seen] = []

        async def numbers() -> AsyncIterator[int]:
            for n in range(3):
                seen.append(_seen())
                yield n

        await self.feed.add(numbers())
        return [*seen, _seen()]

    async def add(self, numbers: AsyncIterator[int]) -> int:
        return await self.feed.add(numbers)

    async def echo(self, name: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
        async for line in self.feed.echo(name, lines):
            yield line

    async def count_first(self, name: str, upto: int) -> int:
        count = 0
        async for _ in self.feed.flow(name, 1):
            count += 1
            if count == upto:
                break
        return count

    async def told_by_failure(self, after: int) -> str:
        try:
            async for _ in self.feed.fail(after, "dropped"):
                pass
        except CallFailed as failed:
            return f"{failed.method} {failed.error_type} {failed.error_text} {failed.may_have_run}"
        return "nothing"

    @transactional
    async def stream_in_transaction(self, tx: Transaction) -> str:
        try:
            self.feed.count(1)
        except CallInTransaction as refused:
            return refused.method
        return "nothing"


def _seen() -> Seen:
    now = context()
    return Seen(
        subject=now.caller.subject,
        correlation_id=now.correlation_id,
        trace=f"{now.trace_id:032x}",
        via=now.via,
    )
