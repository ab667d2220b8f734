"""Edits of what is written by one side and read by the other, and how they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from outgrow.contracts.comparing.change import Change, Verdict, told

Role = Literal["request", "reply", "problem", "event"]
_NAMES_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why a reader does not understand a writer.

    Attributes:
        text: With ``{writer}`` and ``{reader}``, both in the plural.
        kind: Which part of the type is to blame.
        is_certain: Whether everything that is written is concerned, and not only some values.
    """

    text: str
    kind: Literal["type", "limit", "none", "literal", "union", "field", "empty"] = "type"
    is_certain: bool = True

    def said(self, writer: str, reader: str) -> str:
        """The text, with its writer and reader in it."""
        return _filled(self.text, writer, reader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfits:
    """
    Why readers do not understand writers, by what carries the value.

    Attributes:
        wire: In protobuf messages.
        json: In JSON that outgrow itself writes: events, problems, stored arguments and replies,
            and replies over HTTP.
        edge: In requests of HTTP clients; in addition to *json*.
        kept: In what is stored; in addition to *json*.
        remark: What is not heard of a request, without breaking anything.
        is_another: Whether equal arguments look different to a new provider, so that it takes the
            repeat of a command that an old one has run for another command.
    """

    wire: tuple[Reason, ...] = ()
    json: tuple[Reason, ...] = ()
    edge: tuple[Reason, ...] = ()
    kept: tuple[Reason, ...] = ()
    remark: str = ""
    is_another: bool = False


FITS = Misfits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """
    A change of something that is carried.

    Attributes:
        forward: Why new readers do not understand old writers.
        backward: Why old readers do not understand new writers.
        remedy: The safe way to do it.
    """

    label: str
    place: str
    message: str
    forward: Misfits = FITS
    backward: Misfits = FITS
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """
    Where what was changed is carried.

    Attributes:
        owner: The method or event.
        has_http: Whether it goes over HTTP too.
        is_kept: Whether it is stored.
        is_key: Whether it is the key of a dictionary, which protobuf carries by value as JSON does.
    """

    role: Role
    owner: str
    has_http: bool = False
    is_kept: bool = False
    is_key: bool = False


_ANOTHER = Misfits(
    remark="a repeat that comes after the deployment is refused with KeyReused: its arguments look "
    "different to {reader}"
)


@dataclass(slots=True)
class _Answer:
    """Collects one answer: what breaks, for whom, by what."""

    found: dict[str, list[str]] = field(default_factory=dict)
    remarks: dict[str, None] = field(default_factory=dict)

    def add(self, reasons: Iterable[Reason], owner: str, writer: str, reader: str) -> None:
        for reason in reasons:
            text = reason.said(writer, reader)
            owners = self.found.setdefault(text, [])
            if owner not in owners:
                owners.append(owner)

    def remark(self, misfits: Misfits, writer: str, reader: str) -> None:
        if misfits.remark:
            self.remarks[_filled(misfits.remark, writer, reader)] = None

    def verdict(self) -> Verdict:
        if self.found:
            parts = [f"{_shown(owners)}: {text}" for text, owners in self.found.items()]
            return Verdict(answer="breaks", what="; ".join(parts))
        return Verdict(answer="safe", what="; ".join(self.remarks))


def judge(edit: Edit, uses: Iterable[Use]) -> Change:
    """What *edit* does to all who carry what it edits."""
    consumers, providers, stored = _Answer(), _Answer(), _Answer()
    uses = list(uses)
    for use in uses:
        _judge_calls(edit, use, consumers, ("new", "old"))
        _judge_calls(edit, use, providers, ("old", "new"))
        if use.is_kept:
            reasons = (*edit.forward.json, *edit.forward.kept)
            stored.add(reasons, use.owner, "old versions", "new versions")
            if edit.forward.is_another and use.role == "request":
                stored.remark(_ANOTHER, "old callers", "new providers")
    change = told(
        edit.label,
        edit.place,
        edit.message,
        consumers=consumers.verdict(),
        providers=providers.verdict(),
        stored=stored.verdict() if any(use.is_kept for use in uses) else None,
        remedy=edit.remedy,
    )
    return replace(change, remedy=_in_order(change, uses)) if change.remedy else change


def _in_order(change: Change, uses: list[Use]) -> str:
    """The safe way: the order, if there is one, and else what the edit says."""
    if change.order == "provider first":
        return "Deploy the provider before the first new consumer."
    if change.order == "consumers first":
        http = ", HTTP clients too," if any(use.has_http for use in uses) else ""
        return f"Deploy all consumers{http} before the provider. If you cannot: {change.remedy}"
    if change.stored.answer == "breaks" and any(use.role == "event" for use in uses):
        return "Raise the schema of the event, and write an upcaster that makes the new of the old."
    return change.remedy


def _judge_calls(edit: Edit, use: Use, answer: _Answer, ages: tuple[str, str]) -> None:
    """Judge with a provider and consumers of the given *ages*."""
    provider, consumer = ages
    is_request = use.role == "request"
    misfits = edit.forward if (consumer == "old") == is_request else edit.backward
    providers = f"{provider} providers"
    for reasons, consumers in _carried(misfits, use, consumer):
        ends = (consumers, providers) if is_request else (providers, consumers)
        answer.add(reasons, use.owner, *ends)
    if is_request:
        answer.remark(misfits, f"{consumer} callers", providers)


def _carried(misfits: Misfits, use: Use, age: str) -> Iterator[tuple[tuple[Reason, ...], str]]:
    match use.role:
        case "event":
            yield misfits.json, f"{age} handlers"
            return
        case "problem":
            yield misfits.json, f"{age} callers"
        case _:
            yield misfits.json if use.is_key else misfits.wire, f"{age} callers"
    if use.has_http:
        edge = misfits.edge if use.role == "request" else ()
        yield (*misfits.json, *edge), f"{age} HTTP clients"


def _filled(text: str, writer: str, reader: str) -> str:
    return text.replace("{writer}", writer).replace("{reader}", reader)


def _shown(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN_MAX
    shown = ", ".join(names[:_NAMES_SHOWN_MAX])
    return f"{shown} and {more} more" if more > 0 else shown
