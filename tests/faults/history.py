"""
Whether what was seen of lists can have happened, in the style of Elle's list-append checker.

Transactions append values to lists and read whole lists. A value is appended to a list once, so a
list tells in which order its writers came, and each read tells what it came after and before. If
these orders contradict each other, or contradict the clock, no serial execution explains them.

`check_transactions` judges what clients of one store saw. `check_delivery` judges what a handler
made of a journal: nothing lost, doubled or reordered per key.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

SHOWN_MAX = 5
"""How many values of a list a message shows at most."""

State = Literal["committed", "aborted", "unknown"]
Link = Literal["ww", "wr", "rw", "time"]
Key = Hashable
Value = Hashable


@dataclass(slots=True)
class Transaction:
    """
    What one client did in one transaction, and what it was told of its end.

    Attributes:
        name: Tells it from others, in messages.
        state: ``unknown`` if the client was not told: it may have been committed.
        began: When it was asked for, as a number that grows with time.
        ended: When its end was told; None if it never was.
        appends: Key and value, in the order appended.
        reads: Key and the whole list, as read before the transaction's own appends to it.
    """

    name: str
    state: State = "committed"
    began: int = 0
    ended: int | None = None
    appends: list[tuple[Key, Value]] = field(default_factory=list)
    reads: list[tuple[Key, Sequence[Value]]] = field(default_factory=list)


class Anomaly(NamedTuple):
    """
    One thing that cannot have happened if promises are kept.

    Attributes:
        kind: ``lost``, ``doubled``, ``reordered``, ``phantom``, ``aborted read``, ``partial read``,
            ``early``, or the name of a cycle: ``G0``, ``G1c``, ``G-single``, ``G2``, with
            ``-realtime`` if the clock is a part of it.
        key: The list that shows it; of a cycle, its transactions.
        told: What was seen.
    """

    kind: str
    key: Any
    told: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.key!r}: {self.told}"


def check_delivery(
    recorded: Mapping[Key, Sequence[Value]],
    handled: Mapping[Key, Sequence[Value]],
    *,
    is_finished: bool = True,
) -> list[Anomaly]:
    """
    What is wrong in what one handler made of a journal.

    Args:
        recorded: The values of each key, in the order of their positions.
        handled: The values of each key, in the order in which their effects were committed.
        is_finished: Whether all should have been handled; if not, a beginning of it will do.
    """
    found: list[Anomaly] = []
    for key in {**recorded, **handled}:
        source, got = recorded.get(key, ()), handled.get(key, ())
        if len(got) == len(source) and list(got) == list(source):
            continue
        found += _differences(key, source, got, is_finished=is_finished)
    return found


def _differences(
    key: Key, source: Sequence[Value], got: Sequence[Value], *, is_finished: bool
) -> Iterator[Anomaly]:
    places = {value: place for place, value in enumerate(source)}
    if len(places) < len(source):
        yield Anomaly("doubled", key, f"recorded more than once: {_shown(_repeated(source))}")
    if repeated := _repeated(got):
        yield Anomaly("doubled", key, f"handled more than once: {_shown(repeated)}")
    if strange := [value for value in got if value not in places]:
        yield Anomaly("phantom", key, f"handled, and not recorded: {_shown(strange)}")
    known = [value for value in dict.fromkeys(got) if value in places]
    if swapped := [pair for pair in pairwise(known) if places[pair[0]] > places[pair[1]]]:
        yield Anomaly("reordered", key, f"handled before what came first: {_shown(swapped)}")
    last = max((places[value] for value in known), default=-1)
    seen = set(got)
    expected = source if is_finished else source[: last + 1]
    if missing := [value for value in expected if value not in seen]:
        yield Anomaly("lost", key, f"recorded, and not handled: {_shown(missing)}")


def check_transactions(
    transactions: Sequence[Transaction], final: Mapping[Key, Sequence[Value]]
) -> list[Anomaly]:
    """
    What cannot have happened if the store is strictly serializable and durable.

    Args:
        transactions: All that was asked for.
        final: The lists as they are in the end, when nothing is under way any more.
    """
    writers = _Writers(transactions)
    found = [*writers.found, *_final(transactions, final)]
    readable = []
    for transaction in transactions:
        if transaction.state != "aborted":
            problems = list(_reads(transaction, final, writers))
            found += problems
            if not problems:
                readable.append(transaction)
    # Where lists themselves are wrong, orders drawn from them would only repeat it.
    return found or list(_cycles(readable, final, writers))


class _Writers:
    """Who appended which value, and what each appended last to a list."""

    def __init__(self, transactions: Sequence[Transaction]) -> None:
        self.of: dict[tuple[Key, Value], Transaction] = {}
        self.found: list[Anomaly] = []
        for transaction in transactions:
            for append in transaction.appends:
                if append in self.of:
                    told = f"{append[1]!r} was appended twice; a history needs distinct values"
                    self.found.append(Anomaly("doubled", append[0], told))
                self.of[append] = transaction

    def is_last_of(self, key: Key, value: Value) -> bool:
        """Whether *value* is what its transaction appended to *key* last."""
        mine = [v for k, v in self.of[key, value].appends if k == key]
        return mine[-1] == value


def _final(
    transactions: Sequence[Transaction], final: Mapping[Key, Sequence[Value]]
) -> Iterator[Anomaly]:
    held = {key: set(values) for key, values in final.items()}
    for key, values in final.items():
        if len(held[key]) < len(values):
            yield Anomaly("doubled", key, f"in the end: {_shown(_repeated(values))}")
    for transaction in transactions:
        there = [append[1] in held.get(append[0], ()) for append in transaction.appends]
        if transaction.state == "committed" and not all(there):
            gone = [
                a for a, is_there in zip(transaction.appends, there, strict=True) if not is_there
            ]
            told = f"{transaction.name} was told of its commit; not there: {_shown(gone)}"
            yield Anomaly("lost", gone[0][0], told)
        elif transaction.state == "unknown" and any(there) and not all(there):
            told = f"{transaction.name} is there in part"
            yield Anomaly("partial read", transaction.appends[0][0], told)
        elif transaction.state == "aborted" and any(there):
            told = f"{transaction.name} was told that nothing was done"
            yield Anomaly("aborted read", transaction.appends[0][0], told)


def _reads(
    transaction: Transaction, final: Mapping[Key, Sequence[Value]], writers: _Writers
) -> Iterator[Anomaly]:
    for key, values in transaction.reads:
        seen = f"{transaction.name} read {_shown(values)}"
        if len(set(values)) < len(values):
            yield Anomaly("doubled", key, seen)
        elif strange := [value for value in values if (key, value) not in writers.of]:
            yield Anomaly("phantom", key, f"{seen}; nobody appended {_shown(strange)}")
        elif undone := [v for v in values if writers.of[key, v].state == "aborted"]:
            yield Anomaly("aborted read", key, f"{seen}; {_shown(undone)} was undone")
        elif list(values) != list(final.get(key, ())[: len(values)]):
            held = final.get(key, ())
            kind = "reordered" if set(values) <= set(held) else "lost"
            yield Anomaly(kind, key, f"{seen}, which does not begin {_shown(held)}")
        elif values and not writers.is_last_of(key, values[-1]):
            yield Anomaly("partial read", key, f"{seen}, which ends inside of a transaction")


def _cycles(
    transactions: Sequence[Transaction], final: Mapping[Key, Sequence[Value]], writers: _Writers
) -> Iterator[Anomaly]:
    graph = _Graph()
    for key, values in final.items():
        for first, second in pairwise(values):
            graph.link(writers.of.get((key, first)), writers.of.get((key, second)), "ww")
    for transaction in transactions:
        for key, values in transaction.reads:
            held = final.get(key, ())
            if values:
                graph.link(writers.of[key, values[-1]], transaction, "wr")
            if len(values) < len(held):
                graph.link(transaction, writers.of.get((key, held[len(values)])), "rw")
    graph.link_by_clock(transactions)
    for names, links in graph.cycles():
        told = " ".join(f"{name} -{link}->" for name, link in zip(names, links, strict=True))
        yield Anomaly(_kind_of(links), tuple(names), f"{told} {names[0]}")


def _kind_of(links: list[Link]) -> str:
    backwards = links.count("rw")
    kind = "G2" if backwards > 1 else "G-single" if backwards else "G1c" if "wr" in links else "G0"
    return f"{kind}-realtime" if "time" in links else kind


class _Graph:
    """
    What must have come before what. Nodes are transactions, and moments of the clock.

    A moment stands for the end of one transaction, and is linked to the moment after it; so time
    costs as many links as there are transactions, not as many as there are pairs of them.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._names: list[str | None] = []
        self._after: list[dict[int, Link]] = []

    def link(self, first: Transaction | None, second: Transaction | None, link: Link) -> None:
        """*first* comes before *second*."""
        if first is not None and second is not None and first is not second:
            self._after[self._number(first)].setdefault(self._number(second), link)

    def link_by_clock(self, transactions: Sequence[Transaction]) -> None:
        """What ended before another began comes before it."""
        ends = sorted(
            (t.ended, self._number(t))
            for t in transactions
            if t.ended is not None and t.state == "committed"
        )
        starts = deque(sorted((t.began, self._number(t)) for t in transactions))
        moment: int | None = None
        for ended, number in ends:
            while starts and starts[0][0] <= ended:
                _, begun = starts.popleft()
                if moment is not None:
                    self._after[moment].setdefault(begun, "time")
            following = self._add(None)
            self._after[number].setdefault(following, "time")
            if moment is not None:
                self._after[moment][following] = "time"
            moment = following
        for _, begun in starts:
            if moment is not None:
                self._after[moment].setdefault(begun, "time")

    def cycles(self) -> Iterator[tuple[list[str], list[Link]]]:
        """One short cycle of each knot: the names of its transactions, and what links them."""
        for knot in self._knots():
            if len(knot) > 1:
                yield self._shortest(knot)

    def _number(self, transaction: Transaction) -> int:
        number = self._numbers.get(id(transaction))
        if number is None:
            number = self._numbers[id(transaction)] = self._add(transaction.name)
        return number

    def _add(self, name: str | None) -> int:
        self._names.append(name)
        self._after.append({})
        return len(self._names) - 1

    def _knots(self) -> Iterator[set[int]]:
        """Sets of nodes that reach each other: Tarjan's algorithm, without recursion."""
        order: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        on_stack: set[int] = set()
        for root in range(len(self._after)):
            if root in order:
                continue
            work = [(root, iter(self._after[root]))]
            order[root] = low[root] = len(order)
            stack.append(root)
            on_stack.add(root)
            while work:
                node, following = work[-1]
                for other in following:
                    if other not in order:
                        order[other] = low[other] = len(order)
                        stack.append(other)
                        on_stack.add(other)
                        work.append((other, iter(self._after[other])))
                        break
                    if other in on_stack:
                        low[node] = min(low[node], order[other])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == order[node]:
                        cut = stack.index(node) if len(stack) < 100 else _rindex(stack, node)
                        knot = set(stack[cut:])
                        del stack[cut:]
                        on_stack -= knot
                        yield knot

    def _shortest(self, knot: set[int]) -> tuple[list[str], list[Link]]:
        """The shortest way from a transaction of *knot* back to it."""
        start = min(node for node in knot if self._names[node] is not None)
        came: dict[int, int] = {}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for other in self._after[node]:
                if other == start:
                    return self._told(start, node, came)
                if other in knot and other not in came:
                    came[other] = node
                    queue.append(other)
        raise AssertionError("a knot has a way back")

    def _told(self, start: int, last: int, came: dict[int, int]) -> tuple[list[str], list[Link]]:
        way = [start, last]
        while way[-1] != start:
            way.append(came[way[-1]])
        names: list[str] = []
        links: list[Link] = []
        for node, following in pairwise([*reversed(way[1:]), start]):
            name = self._names[node]
            if name is not None:
                names.append(name)
                links.append(self._after[node][following])
        return names, links


def _rindex(stack: list[int], node: int) -> int:
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] == node:
            return place
    raise ValueError(node)


def _repeated(values: Sequence[Value]) -> list[Value]:
    seen: set[Value] = set()
    return [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]


def _shown(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:SHOWN_MAX])
    return f"[{shown}{', …' if len(values) > SHOWN_MAX else ''}] ({len(values)})"
