"""What one case of a change says: two revisions of a service, what each does, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, kw_only=True)
class Side:
    """
    One revision of the service ``shop``, and how it is used.

    Attributes:
        source: Its contract module, below the imports.
        calls: What a consumer of this revision calls, such as ``"put(text='a')"``.
        reply: What a provider of this revision replies, as source.
        raises: Instead, the problem that it refuses with.
        events: The events that a provider of this revision records.
        numbers: Numbers that somebody has written into the ``.proto``, by message.
    """

    source: str
    calls: tuple[str, ...] = ()
    reply: str = "None"
    raises: str = ""
    events: tuple[str, ...] = ()
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    One kind of change.

    Attributes:
        labels: What the comparison must find; the first is the kind of change.
        title: The change in words.
        consumers: The verdict on old consumers with a new provider; the next two likewise.
        order: The safe order of deployment.
        buf: What `buf breaking` says: ``safe``, ``breaks``, or empty if a ``.proto`` says nothing
            of it.
        why: Why *buf* differs, if it does.
        repeats: Whether callers repeat their calls, as they may.
    """

    labels: tuple[str, ...]
    title: str
    old: Side
    new: Side
    consumers: str
    providers: str
    stored: str
    order: str
    buf: str
    why: str = ""
    repeats: bool = False

    @property
    def name(self) -> str:
        return f"{self.labels[0]}: {self.title}" if self.title else self.labels[0]

    @property
    def agrees(self) -> bool:
        """Whether buf says the same as we do."""
        breaks = "breaks" in (self.consumers, self.providers, self.stored)
        return not self.buf or (self.buf == "breaks") == breaks


ORDERS = {
    "any": "any order",
    "provider": "provider first",
    "consumers": "consumers first",
    "none": "none: do it in two steps",
}
ANSWERS = {"s": "safe", "b": "breaks", "-": "unaffected"}


@dataclass(frozen=True)
class Says:
    """The verdicts on one direction of a change, in short: ``"bs-"`` for the three questions."""

    label: str
    title: str
    verdicts: str
    order: str
    buf: str
    why: str = ""

    def case(self, old: Side, new: Side) -> Case:
        first, second, third = (ANSWERS[letter] for letter in self.verdicts)
        return Case(
            labels=tuple(self.label.split()),
            title=self.title,
            old=old,
            new=new,
            consumers=first,
            providers=second,
            stored=third,
            order=ORDERS[self.order],
            buf=self.buf,
            why=self.why,
        )


def both(one: Side, other: Side, there: Says, back: Says) -> list[Case]:
    """The change from *one* to *other*, and the one back."""
    return [there.case(one, other), back.case(other, one)]


def repeated(cases: list[Case]) -> list[Case]:
    """*cases*, their calls repeated as their callers may."""
    return [replace(case, repeats=True) for case in cases]


def taking(
    parameters: str, call: str, *, types: str = "", how: str = "", is_query: bool = False
) -> Side:
    """A revision whose method ``put`` takes *parameters*."""
    mark = "query" if is_query else "command"
    source = f"{types}\nclass Shop(Contract):\n    @{mark}({how})\n"
    source += f"    async def put(self, {parameters}) -> None: ...\n"
    return Side(source=source, calls=(call,))


def giving(hint: str, reply: str, *, types: str = "", how: str = "", is_query: bool = True) -> Side:
    """A revision whose method ``get`` returns *hint*."""
    mark = "query" if is_query else "command"
    source = f"{types}\nclass Shop(Contract):\n    @{mark}({how})\n"
    source += f"    async def get(self) -> {hint}: ...\n"
    return Side(source=source, calls=("get()",), reply=reply)
