"""What a saga's method is handed: steps, undos, pauses, and values that a replay sees again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from datetime import datetime, timedelta
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, overload

from outgrow.contracts import Event
from outgrow.errors import StepRefused

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E", bound=Event)

TAG_CHARACTERS_MAX: Final = 255
"""How long the text of a tag may be."""


class Operation:
    """Something that a saga waits for; whoever drives the saga carries it out."""

    __slots__ = ("_check",)

    def __init__(self, check: Callable[[Operation], None]) -> None:
        self._check = check

    def __str__(self) -> str:
        return {"Together": "all", "Pause": "sleep", "Hearing": "until"}.get(
            type(self).__name__, type(self).__name__
        )

    def __await__(self) -> Generator[Any, Any, Any]:
        self._check(self)
        return (yield self)


class Call:
    """A method and its arguments, as they were given."""

    __slots__ = ("args", "kwargs", "method")

    def __init__(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.method = method
        self.args = args
        self.kwargs = kwargs


class Work(Protocol):
    """One run of a saga's method, as what it is handed sees it."""

    def begin(self, operation: Operation) -> None:
        """An operation was made; it must be awaited before the method ends."""

    def check(self, operation: Operation) -> None:
        """
        An operation is about to be awaited.

        Raises:
            StepRefused: Not by the saga's method itself, or for the second time.
        """

    def now(self) -> datetime:
        """The time, as a replay sees it again."""

    def new_id(self) -> str:
        """An id, as a replay sees it again."""

    def tag(self, tags: dict[str, str]) -> None:
        """Name the saga for operators."""


class Step(Operation, Generic[R]):
    """One step: ``await run.step(self.stock.hold, "7").undo(self.stock.release, "7")``."""

    __slots__ = ("do", "is_awaited", "is_pivot", "reversal")

    def __init__(self, work: Work, do: Call) -> None:
        super().__init__(work.check)
        self.do = do
        self.reversal: Call | None = None
        self.is_awaited = False
        self.is_pivot = False
        work.begin(self)

    def __str__(self) -> str:
        return f"step {getattr(self.do.method, '__name__', self.do.method)}"

    def undo(
        self, method: Callable[Q, Awaitable[Any]], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> Step[R]:
        """
        Call *method* with these arguments if the saga cannot be finished.

        It is written down before the step is sent, so it is called even if nobody knows whether the
        step arrived: then it has no effect, and the step none any more. Undos run one after
        another, the last step's first, until each has succeeded.

        Args:
            method: A transactional command of the service that does the step.

        Raises:
            StepRefused: The step has an undo already, or is the pivot, or was awaited.
        """
        self._check_open()
        if self.reversal is not None or self.is_pivot:
            raise StepRefused("a step has one undo, or is the pivot; not two of them.")
        self.reversal = Call(method, args, kwargs)
        return self

    def pivot(self) -> Step[R]:
        """
        Say that nothing is undone any more once this step has succeeded.

        What comes behind it must succeed in the end: it is retried, and is stuck if it cannot.

        Raises:
            StepRefused: The step has an undo, or was awaited.
        """
        self._check_open()
        if self.reversal is not None:
            raise StepRefused("a step has one undo, or is the pivot; not two of them.")
        self.is_pivot = True
        return self

    def __await__(self) -> Generator[Any, Any, R]:
        self.is_awaited = True
        return super().__await__()

    def _check_open(self) -> None:
        if self.is_awaited:
            told = f"{self} was awaited already: say what undoes it before: step(...).undo(...)."
            raise StepRefused(told)


class Together(Operation):
    """Several steps at once."""

    __slots__ = ("steps",)

    def __init__(self, work: Work, steps: tuple[Step[Any], ...]) -> None:
        super().__init__(work.check)
        self.steps = steps
        work.begin(self)

    def __await__(self) -> Generator[Any, Any, Any]:
        for step in self.steps:
            if not isinstance(step, Step):
                raise StepRefused(f"run.all takes steps made by run.step, not {step!r}.")
            self._check(step)
            step.is_awaited = True
        return super().__await__()


class Pause(Operation):
    """Waiting until a moment, or for a time."""

    __slots__ = ("when",)

    def __init__(self, work: Work, when: datetime | timedelta) -> None:
        super().__init__(work.check)
        self.when = when
        work.begin(self)


class Hearing(Operation):
    """Waiting for an event."""

    __slots__ = ("event", "key", "within")

    def __init__(self, work: Work, event: type[Event], key: str, within: timedelta | None) -> None:
        super().__init__(work.check)
        self.event = event
        self.key = key
        self.within = within
        work.begin(self)


class Saga:
    """
    One run of a saga, for the method that is marked `saga`.

    The method may be begun anew at any time, in another process too: what it has done already is
    then answered from what is written down. So it does the same again if it is given the same: it
    decides by its arguments, by what steps and queries answered, and by `now` and `new_id`.

    Attributes:
        id: The saga's, under which operators find it.
    """

    def __init__(self, saga_id: str, work: Work) -> None:
        self.id = saga_id
        self._work = work

    def step(
        self, method: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Step[R]:
        """
        Call *method*, once, and go on with its reply.

        It is repeated under one key until it has answered, or until the saga's time is over. A
        problem that it answers is raised here, and undoes the saga if it is not caught.

        Args:
            method: A command of another service, or a transactional method of one's own.

        Raises:
            StepRefused: It is neither, or promises nothing about repeats; or an argument cannot
                travel, or all take more than 256 KiB.
        """
        return Step(self._work, Call(method, args, kwargs))

    @overload
    def all(self, first: Step[A], second: Step[B], /) -> Awaitable[tuple[A, B]]: ...
    @overload
    def all(
        self, first: Step[A], second: Step[B], third: Step[C], /
    ) -> Awaitable[tuple[A, B, C]]: ...
    @overload
    def all(
        self, first: Step[A], second: Step[B], third: Step[C], fourth: Step[D], /
    ) -> Awaitable[tuple[A, B, C, D]]: ...
    @overload
    def all(self, *steps: Step[R]) -> Awaitable[tuple[R, ...]]: ...
    def all(self, *steps: Step[Any]) -> Awaitable[tuple[Any, ...]]:
        """
        Do *steps* at the same time; their replies, in the order of the steps.

        All of them end before anything is undone. If some answer with problems, the first of them
        in the order of the steps is raised.
        """
        return Together(self._work, steps)

    def sleep(self, when: datetime | timedelta) -> Awaitable[None]:
        """
        Wait until a moment, or for a time; through restarts, and without taking memory.

        Args:
            when: The moment, with a time zone, or how long from now. At most ten years away.
        """
        return Pause(self._work, when)

    @overload
    def until(self, event: type[E], key: str, /) -> Awaitable[E]: ...
    @overload
    def until(self, event: type[E], key: str, /, *, within: timedelta) -> Awaitable[E | None]: ...
    def until(
        self, event: type[E], key: str, /, *, within: timedelta | None = None
    ) -> Awaitable[E | None]:
        """
        Wait for the first event of a type and key that this service heard since the saga began.

        The type is named in the saga's own method, so that the service listens to it.

        Args:
            event: Its class.
            key: Its key, as text.
            within: How long to wait; None is the answer if it did not come.
        """
        return Hearing(self._work, event, key, within)

    def now(self) -> datetime:
        """The time, aware, in UTC; a replay sees the same."""
        return self._work.now()

    def new_id(self) -> str:
        """A new UUIDv7 as text; a replay sees the same."""
        return self._work.new_id()

    def tag(self, **tags: str) -> None:
        """
        Name the saga for operators, who find it by its tags: ``run.tag(order_id=order_id)``.

        Raises:
            StepRefused: A tag is no text of at most 255 characters.
        """
        given: dict[str, Any] = dict(tags)
        for name, text in given.items():
            if not isinstance(text, str) or len(text) > TAG_CHARACTERS_MAX or not _is_sound(text):
                told = f"tag {name} is {text!r:.300}, not text of at most {TAG_CHARACTERS_MAX} "
                raise StepRefused(told + "characters, without halves of surrogate pairs.")
        self._work.tag(tags)


def _is_sound(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
