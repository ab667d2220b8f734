"""What a unit of work and a reader hold in their hands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

from outgrow.errors import NoSuchRow, StatementRefused
from outgrow.store.rows import adapt, shorten, to_list
from outgrow.store.session import Dialect, Reading, Row, Session

P = ParamSpec("P")
T = TypeVar("T")


class Snapshot:
    """
    The rows as they were when its first statement ran; what is committed later is not seen.

    SQL takes ``:name`` parameters. A row comes back as the type that is asked for: a record, whose
    fields are found by the names of the columns, or a single value for a single column.
    """

    __slots__ = ("_reading",)

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @property
    def dialect(self) -> Dialect:
        """Which database it is; for the rooms above the store."""
        return self._reading.dialect

    async def fetch_all(self, kind: type[T], sql: str, /, **parameters: Any) -> list[T]:
        """
        All rows that *sql* gives, in its order.

        Raises:
            StatementFailed: The database refused *sql*, or a row does not fit *kind*.
        """
        return to_list(kind, sql, await self._reading.fetch(sql, adapt(sql, parameters)))

    async def fetch_optional(self, kind: type[T], sql: str, /, **parameters: Any) -> T | None:
        """The only row that *sql* gives, or None if there is none; further ones are ignored."""
        columns, rows = await self._reading.fetch(sql, adapt(sql, parameters))
        return to_list(kind, sql, (columns, rows[:1]))[0] if rows else None

    async def fetch_one(self, kind: type[T], sql: str, /, **parameters: Any) -> T:
        """
        The row that *sql* gives; further ones are ignored.

        Raises:
            NoSuchRow: There is none.
        """
        columns, rows = await self._reading.fetch(sql, adapt(sql, parameters))
        if not rows:
            message = (
                f"{shorten(sql)}: no row. "
                "If that may be, ask with fetch_optional(...), which answers None."
            )
            raise NoSuchRow(message)
        return to_list(kind, sql, (columns, rows[:1]))[0]

    def run(
        self, function: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """
        Call ``function(session, ...)`` with a session of SQLAlchemy, and return what it returns.

        The session is in this same transaction, or snapshot, and is flushed at the end. What it
        did is taken back if the function raises. The function is an ordinary one; it runs beside
        the event loop, and may take as long as a statement. Objects come out detached.

        Raises:
            StatementFailed: The database did not accept a statement.

            StatementRefused: It would commit or roll back, or reach what a unit may not.

            StatementInterrupted: It took too long.

            ExtraMissing: SQLAlchemy is not installed; it comes with ``outgrow[sqlalchemy]``.
        """
        return self._reading.run(function, args, kwargs)

    def own(self, sql: str, parameters: Row = ()) -> Awaitable[list[Row]]:
        """
        Run a statement of outgrow's own, with ``?`` parameters; its tables are open to it.

        For the rooms above the store, not for services.
        """
        return self._reading.own(sql, parameters)


class _Done:
    """What has happened already; awaiting it takes no time."""

    __slots__ = ()

    def __await__(self) -> Iterator[None]:
        return iter(())


DONE: Awaitable[None] = _Done()  # type: ignore[assignment]


class Transaction(Snapshot):
    """
    One unit of work: all that is done through it is committed together, or nothing of it.

    It belongs to the call that it was handed to. Between its operations nothing else may be
    awaited, because others wait meanwhile. A unit may be run a second time, if a neighbour in the
    same commit took the whole commit with it; so it acts through its transaction only.

    Attributes:
        entries: What was recorded and sent so far, as entries of the outbox.
        ask: What stands between clients and the services that they call; a saga has something.
    """

    __slots__ = ("_outbox", "_session", "entries")

    ask: ClassVar[Callable[..., Any] | None] = None

    def __init__(self, session: Session, outbox: Outbox | None) -> None:
        self._reading = session
        self._session = session
        self._outbox = outbox
        self.entries: list[Any] = []

    @property
    def is_running(self) -> bool:
        """Whether the code that runs now is its unit's: not after it, nor in a task of its own."""
        return self._session.is_running

    def execute(self, sql: str, /, **parameters: Any) -> Awaitable[int]:
        """
        Run *sql*, and tell how many rows it changed.

        Raises:
            StatementFailed: The database did not accept it; what it began is taken back, and the
                unit may go on.

            StatementRefused: It could harm other units or reach another file; the unit is lost.

            StatementInterrupted: It took longer than a statement may; the unit is lost.
        """
        return self._session.change(sql, adapt(sql, parameters))

    def record(self, event: Any) -> Awaitable[None]:
        """
        Record *event* in this transaction, beside the data that it speaks of.

        It is recorded by the call itself; nothing is sent here. After the commit the event is
        delivered to each handler at least once, and for each key in the order recorded. If the
        transaction rolls back, the event never happened.

        Raises:
            NotTheOwner: The event belongs to another service.

            EventTooLarge: The encoded event is over the limit.

            EventKeyRefused: Its key is no text of 1 to 255 characters.
        """
        self._session.check()
        self.entries.append(self._need_outbox().event(event))
        return DONE

    def send(
        self, method: Callable[P, Awaitable[Any]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[None]:
        """
        Call *method* with these arguments after the commit, under a key of its own.

        It is repeated until it has answered, so it has its effect once. Its reply is not seen.

        Raises:
            EventTooLarge: The encoded arguments are over the limit.
        """
        self._session.check()
        self.entries.append(self._need_outbox().command(method, args, kwargs))
        return DONE

    def later(self, when: datetime | timedelta, *, name: str | None = None) -> Later:
        """
        Say something at a later moment: ``await tx.later(timedelta(days=3)).record(event)``.

        The timer is set in this transaction, and gone if that rolls back. Once it is due, what it
        says is recorded in one commit, so that it happens once.

        Args:
            when: The moment, or how long from now. What has passed is due at once.
            name: By which it can be cancelled and moved, as by its id; for one timer at a time.
        """
        self._session.check()
        return Later(self, self._need_outbox(), when, name)

    def cancel(self, timer: str) -> Awaitable[bool]:
        """
        Let a timer not happen; whether it was still to be.

        Args:
            timer: Its id, or its name.
        """
        return self._need_outbox().timers.cancel(self, timer)

    def reschedule(self, timer: str, when: datetime | timedelta) -> Awaitable[bool]:
        """
        Let a timer be due at another moment; whether it was still to be.

        Args:
            timer: Its id, or its name.
            when: The moment, or how long from now.

        Raises:
            TimerRefused: The moment has no time zone, or is too far in the future.
        """
        return self._need_outbox().timers.move(self, timer, when)

    def add(self, table: str, columns: tuple[str, ...], rows: list[Row]) -> Awaitable[None]:
        """
        Add *rows* to one of outgrow's tables, in their order.

        For the rooms above the store, not for services.
        """
        return self._session.add(table, columns, rows)

    def conclude(self, insert: str, row: Row) -> Awaitable[bool]:
        """
        Run *insert* as the last statement of the unit; whether it returned a row.

        Only then is what was recorded kept. For the rooms above the store, not for services.
        """
        return self._session.conclude(insert, row)

    async def undo(self) -> None:
        """
        Take back all that this unit did and recorded so far, and go on from there.

        For the rooms above the store, not for services.
        """
        await self._session.undo()
        self.entries.clear()

    def _need_outbox(self) -> Outbox:
        if self._outbox is None:
            message = (
                "this store was opened without an outbox, so nothing can be recorded or sent. "
                "A service that outgrow starts has one; in a test, open the store with one."
            )
            raise StatementRefused(message)
        return self._outbox


class Later:
    """What is said at a later moment; made by `Transaction.later`."""

    __slots__ = ("_name", "_outbox", "_transaction", "_when")

    def __init__(
        self,
        transaction: Transaction,
        outbox: Outbox,
        when: datetime | timedelta,
        name: str | None,
    ) -> None:
        self._transaction = transaction
        self._outbox = outbox
        self._when = when
        self._name = name

    def record(self, event: Any) -> Awaitable[str]:
        """
        Record *event* then; the timer's id, which will be the event's.

        Raises:
            TimerRefused: The moment or the name cannot be, or the service has too many timers.

            TimerExists: Another timer has the name.

            NotTheOwner: The event belongs to another service.

            EventTooLarge: The encoded event is over the limit.
        """
        return self._set(self._outbox.event(event))

    def send(
        self, method: Callable[P, Awaitable[Any]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[str]:
        """
        Call *method* with these arguments then; the timer's id, which will be the call's key.

        Raises:
            TimerRefused: The moment or the name cannot be, or the service has too many timers.

            TimerExists: Another timer has the name.

            EventTooLarge: The encoded arguments are over the limit.
        """
        return self._set(self._outbox.command(method, args, kwargs))

    def _set(self, entry: Any) -> Awaitable[str]:
        return self._outbox.timers.set(self._transaction, self._when, self._name, entry)


class Timers(Protocol):
    """Where the timers of a service are set; the journal has them."""

    def set(
        self, tx: Transaction, when: datetime | timedelta, name: str | None, entry: Any
    ) -> Awaitable[str]:
        """Let *entry* be written when it is due; the timer's id."""

    def cancel(self, tx: Transaction, timer: str) -> Awaitable[bool]:
        """Let *timer*, an id or a name, not happen; whether it was still to be."""

    def move(self, tx: Transaction, timer: str, when: datetime | timedelta) -> Awaitable[bool]:
        """Let *timer*, an id or a name, be due at another moment; whether it was still to be."""


class Outbox(Protocol):
    """Where events and commands go that a transaction records; the journal is one."""

    @property
    def timers(self) -> Timers:
        """Where they go that are for a later moment."""

    def event(self, event: Any) -> Any:
        """The entry for *event*; raises if it may not be recorded."""

    def command(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The entry for a call of *method* after the commit; raises if it may not be sent."""

    async def append(self, transaction: Transaction, entries: list[Any]) -> None:
        """Write *entries*; called once a unit, last, if there are any."""

    def committed(self) -> None:
        """Called on the loop after each commit in which entries were written."""
