"""How the copies keep their promise."""

from dataclasses import field

from outgrow import Store, Transaction, on, service
from tests.faults.lists.copies.contract import Copies
from tests.faults.lists.source.contract import Appended, Source

CONFIRMED_EVERY = 10


@service
class CopiesService(Copies):
    """Confirms some values by a command that it sends."""

    store: Store
    source: Source
    failures: dict[str, int] = field(default_factory=dict)

    async def fail_next(self, name: str, times: int) -> None:
        self.failures[name] = times

    @on(Appended, since="beginning")
    async def copy(self, tx: Transaction, event: Appended) -> None:
        sql = "insert into copied (name, value) values (:name, :value)"
        await tx.execute(sql, name=event.name, value=event.value)
        if self.failures.get(event.name, 0) > 0:
            self.failures[event.name] -= 1
            message = "not now"
            raise OSError(message)
        if event.value % CONFIRMED_EVERY == 0:
            await tx.send(self.source.confirm, event.name, event.value)
