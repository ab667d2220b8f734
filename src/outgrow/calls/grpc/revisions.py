"""
Which revision of each contract this process has, and whether it understands those of its callers.

Two processes understand each other without a question if their fingerprints are equal. If they
differ, the callee holds both descriptions beside each other, once for each revision of a caller.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from outgrow.contracts import ContractModel, Method
from outgrow.contracts.comparing import call_differences, compare
from outgrow.contracts.descriptions import (
    ContractDescription,
    NumbersByPackage,
    ServiceDescription,
    describe_service,
    fingerprint_of,
)
from outgrow.errors import ContractDiffers

JUDGED_MAX = 16
"""Revisions of callers that a process remembers for each contract."""

DIFFERENCES_MAX = 10
DIFFERENCE_LENGTH_MAX = 300

FrozenContracts = Mapping[tuple[str, str], ContractDescription]
"""What is frozen, by the service's name and ``v<version>.<Contract>``."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one process has of a contract.

    Attributes:
        is_frozen: Whether the committed files say the same.
    """

    description: ContractDescription
    is_frozen: bool

    @property
    def fingerprint(self) -> bytes:
        """What its calls carry."""
        return bytes.fromhex(self.description.fingerprint)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a callee says of a caller's revision.

    Attributes:
        differences: What is in the way, for each method that may not be called.
        unfrozen: Which sides are not frozen: ``caller``, ``callee``.
    """

    differences: dict[str, list[str]]
    unfrozen: list[str]


class Revisions:
    """
    The revisions that this process has, each described when it is asked for first.

    Args:
        numbers: The numbers that the fields of messages have already.
        frozen: What the committed files say.
    """

    def __init__(
        self, numbers: NumbersByPackage | None = None, frozen: FrozenContracts | None = None
    ) -> None:
        self._numbers = numbers or {}
        self._frozen = frozen or {}
        self._known: dict[ContractModel, Revision] = {}

    def of(self, model: ContractModel) -> Revision:
        """The revision of *model*."""
        if model not in self._known:
            service = describe_service("", model.service, [model], self._numbers, with_places=False)
            ((key, description),) = service.contracts.items()
            frozen = self._frozen.get((model.service, key))
            self._known[model] = Revision(
                description=description,
                is_frozen=frozen is not None
                and fingerprint_of(frozen).hex() == description.fingerprint,
            )
        return self._known[model]


class Admission:
    """
    Says which callers' revisions of one contract are let in.

    What it has judged it forgets when the process ends; the next caller is then asked again.
    """

    def __init__(self, model: ContractModel, revision: Revision) -> None:
        self.fingerprint = revision.fingerprint
        self._model = model
        self._revision = revision
        self._judged: dict[bytes, Judgement] = {}

    def check(self, method: Method, fingerprint: bytes) -> None:
        """
        Let a call of a caller in whose *fingerprint* is another one.

        Raises:
            ContractDiffers: Its revision is unknown yet, or would be misunderstood.
        """
        judgement = self._judged.get(fingerprint)
        if judgement is not None and method.name not in judgement.differences:
            return
        refusal = ContractDiffers(
            method.full_name,
            f"{self._model.service}.{self._model.name}",
            caller_has=fingerprint.hex(),
            callee_has=self.fingerprint.hex(),
            place=self._model.place,
        )
        raise refusal if judgement is None else differs(method, refusal, judgement)

    def judge(self, caller: Revision) -> Judgement:
        """
        Hold the caller's revision beside our own, and remember what comes of it.

        Raises:
            ValueError: The description has another fingerprint than it says. What is judged lets in
                the calls that carry the fingerprint, so it must be that of what was judged.
        """
        fingerprint, said = fingerprint_of(caller.description), caller.description.fingerprint
        if said != fingerprint.hex():
            raise ValueError(f"the description has fingerprint {fingerprint.hex()}, not {said!r}")
        judgement = _judge(caller, self._revision)
        self._judged.pop(fingerprint, None)
        while len(self._judged) >= JUDGED_MAX:
            del self._judged[next(iter(self._judged))]
        self._judged[fingerprint] = judgement
        return judgement


def _judge(caller: Revision, callee: Revision) -> Judgement:
    sides = {"caller": caller, "callee": callee}
    unfrozen = [name for name, revision in sides.items() if not revision.is_frozen]
    if unfrozen:
        # What is being written changes from one hour to the next; nobody has promised anything.
        told = _shortened(_changes(caller.description, callee.description))
        return Judgement(
            differences=dict.fromkeys(caller.description.methods, told), unfrozen=unfrozen
        )
    found = call_differences(caller.description, callee.description)
    return Judgement(
        differences={name: _shortened(lines) for name, lines in found.items() if lines},
        unfrozen=[],
    )


def _changes(caller: ContractDescription, callee: ContractDescription) -> list[str]:
    """What changed from one to the other, whomever it breaks."""
    sides = [
        ServiceDescription(
            application="", service="", contracts={f"v{one.version}.{one.name}": one}
        )
        for one in (caller, callee)
    ]
    messages = [change.message for change in compare(*sides)]
    return messages or ["something that both sides describe in the same words"]


def _shortened(lines: list[str]) -> list[str]:
    cut = [
        f"{line[:DIFFERENCE_LENGTH_MAX]}..." if len(line) > DIFFERENCE_LENGTH_MAX else line
        for line in lines
    ]
    if len(cut) <= DIFFERENCES_MAX:
        return cut
    return [*cut[: DIFFERENCES_MAX - 1], f"and {len(cut) - DIFFERENCES_MAX + 1} more"]


def differs(method: Method, refusal: ContractDiffers, judgement: Judgement) -> ContractDiffers:
    """*refusal* with what differs."""
    return ContractDiffers(
        method.full_name,
        refusal.contract,
        caller_has=refusal.caller_has,
        callee_has=refusal.callee_has,
        place=refusal.place,
        differences=judgement.differences[method.name],
        unfrozen=judgement.unfrozen,
    )
