"""Who of several processes over one store leads, and who of them live: rows with a term."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from outgrow.context import new_id
from outgrow.errors import InternalError
from outgrow.store import Snapshot, Transaction

LEASE_SECONDS: Final = 6.0
"""How long a process that says nothing is taken to live, and to lead."""

BEATS_PER_LEASE: Final = 3
"""How often in that time it says that it does."""

_TEXT = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''
_NOW = f"to_char(clock_timestamp() at time zone 'UTC', {_TEXT})"
_UNTIL = (
    "to_char((clock_timestamp() + make_interval(secs => cast(? as double precision))) "
    f"at time zone 'UTC', {_TEXT})"
)
_LEADER: Final = "leader"
_REPLICA: Final = "replica/"
_BEAT = (
    "insert into outgrow_lease (name, holder, epoch, expires_at) "  # noqa: S608 - our own words
    f"values (?, ?, ?, {_UNTIL}) on conflict (name) do update set "
    "epoch = excluded.epoch, expires_at = excluded.expires_at"
)
_LEASES = (
    "select name, holder, epoch, case when expires_at > "  # noqa: S608 - as above
    f"{_NOW} then 1 else 0 end from outgrow_lease order by name"
)
_SESSIONS = (
    "select (cast(classid as bigint) << 32) | cast(objid as bigint) from pg_locks "
    "where locktype = 'advisory' and objsubid = 1 and granted "
    "and database = (select oid from pg_database where datname = current_database())"
)
_FIRST = (
    "insert into outgrow_lease (name, holder, epoch, expires_at) "  # noqa: S608 - as above
    f"values ('{_LEADER}', ?, 1, {_UNTIL}) on conflict (name) do nothing"
)
_LOCK = f"select epoch from outgrow_lease where name = '{_LEADER}' for update"  # noqa: S608 - as above
_TAKE = (
    f"update outgrow_lease set holder = ?, epoch = ?, expires_at = {_UNTIL} "  # noqa: S608 - as above
    f"where name = '{_LEADER}' and holder = ? and epoch = ? returning epoch"
)
_FENCE = (
    "select epoch from outgrow_lease "  # noqa: S608 - as above
    f"where name = '{_LEADER}' and holder = ? and epoch = ? for key share"
)
_LEAVE = "delete from outgrow_lease where name = ?"
_YIELD = f"update outgrow_lease set expires_at = '' where name = '{_LEADER}' and holder = ?"  # noqa: S608 - as above


class Superseded(InternalError):
    """Another process leads now; what this one was about to commit as the leader is rolled back."""


class Standing(NamedTuple):
    """
    What the leases say.

    Attributes:
        members: The processes that live, in one order for all of them.
        leader: Which of them leads.
        epoch: Grows with each process that begins to lead.
        dead: Names of rows whose processes live no more.
    """

    members: list[str]
    leader: str | None
    epoch: int
    dead: list[str]


class Leases:
    """
    The leases of one service, as one process keeps them.

    Their terms are told by the database's clock alone: the processes may be on machines whose
    clocks differ, and one that was stopped believes that no time has passed. A process that has a
    session with the database is dead as soon as that has ended; one that hangs, when its term is
    over.

    Args:
        term_seconds: Of a lease.
    """

    def __init__(self, term_seconds: float) -> None:
        self.me = new_id()
        self._term_seconds = term_seconds

    async def beat(self, tx: Transaction, session: int) -> None:
        """Say that this process lives; *session* is the number that it holds meanwhile, or 0."""
        row = (f"{_REPLICA}{self.me}", self.me, session, self._term_seconds)
        await tx.own(_BEAT, row)

    async def lead(self, tx: Transaction) -> int:
        """Lead, or go on leading, if nobody else does; the epoch, or 0 if somebody does."""
        await tx.own(_FIRST, (self.me, self._term_seconds))
        standing, row = await self._look(tx)
        assert row is not None
        _, holder, epoch, _ = row
        if holder == self.me:
            following = epoch
        elif standing.leader is None:
            # Whoever is about to commit as the leader does so first, or not at all.
            await tx.own(_LOCK)
            following = epoch + 1
        else:
            return 0
        row = (self.me, following, self._term_seconds, holder, epoch)
        return following if await tx.own(_TAKE, row) else 0

    async def sweep(self, tx: Transaction, dead: list[str]) -> None:
        """Forget processes that live no more."""
        for name in dead:
            await tx.own(_LEAVE, (name,))

    async def standing(self, snapshot: Snapshot) -> Standing:
        """Who lives, and who leads."""
        return (await self._look(snapshot))[0]

    async def check(self, tx: Transaction, epoch: int) -> None:
        """
        Let *tx* commit only if this process still leads since *epoch*.

        Raises:
            Superseded: It does not. Nobody else can begin to before *tx* ends.
        """
        if not await tx.own(_FENCE, (self.me, epoch)):
            raise Superseded(f"{self.me} led in epoch {epoch}, and another process leads now")

    async def leave(self, tx: Transaction, channel: str, topic: str) -> None:
        """Give up what this process holds, and tell others, so that they take it at once."""
        await tx.own(_YIELD, (self.me,))
        await tx.own(_LEAVE, (f"{_REPLICA}{self.me}",))
        # In the transaction for once: the line to the others may be closed already.
        await tx.own("select pg_notify(?, ?)", (channel, topic))

    async def _look(self, snapshot: Snapshot) -> tuple[Standing, tuple[Any, ...] | None]:
        rows = await snapshot.own(_LEASES)
        sessions = {number for (number,) in await snapshot.own(_SESSIONS)}
        leader, members, dead = None, [], []
        for row in rows:
            name, holder, session, is_valid = row
            if name == _LEADER:
                leader = row
            elif is_valid and (not session or session in sessions):
                members.append(holder)
            else:
                dead.append(name)
        holder = leader[1] if leader is not None and leader[3] and leader[1] in members else None
        return Standing(members, holder, leader[2] if leader else 0, dead), leader
