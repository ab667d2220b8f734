"""Hold two descriptions of a service beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from outgrow.contracts.comparing.change import Change, told
from outgrow.contracts.comparing.edits import Reason
from outgrow.contracts.comparing.events import event_changes
from outgrow.contracts.comparing.fitting import Fit
from outgrow.contracts.comparing.methods import contract_changes
from outgrow.contracts.comparing.promises import LEVELS, REPEATS, streams_of
from outgrow.contracts.descriptions import ContractDescription, ServiceDescription


def compare(old: ServiceDescription | None, new: ServiceDescription | None) -> list[Change]:
    """
    What changed from *old* to *new*, and whom it breaks.

    What nobody can notice, such as a text, is no change.

    Args:
        old: What is frozen or runs; None if the service is new.
        new: What the code says; None if the service is gone.
    """
    if old is None and new is None:
        return []
    some = old or new
    assert some is not None
    nothing = ServiceDescription(application=some.application, service=some.service, contracts={})
    return list(_changes(old or nothing, new or nothing))


def _changes(old: ServiceDescription, new: ServiceDescription) -> Iterator[Change]:
    for key, contract in old.contracts.items():
        newer = new.contracts.get(key)
        if newer is None:
            yield _removal(f"{old.service}.{key}", contract)
        else:
            yield from contract_changes(contract, newer)
    for key, contract in new.contracts.items():
        if key not in old.contracts:
            yield _addition(f"{new.service}.{key}", contract)
    yield from event_changes(old, new)


def _removal(name: str, contract: ContractDescription) -> Change:
    is_kept = any(method.repeat == "idempotent" for method in contract.methods.values())
    return told(
        "contract-removed",
        contract.place,
        f"{name} is gone.",
        consumers=f"old callers of {name}: new providers do not keep it",
        stored=f"commands to {name} that wait cannot be delivered" if is_kept else None,
        remedy="Keep it beside the new one until nobody calls it: a service may keep several "
        "versions.",
    )


def _addition(name: str, contract: ContractDescription) -> Change:
    return told(
        "contract-added",
        contract.place,
        f"{name} is new.",
        providers=f"new callers of {name}: old providers do not keep it",
        remedy="Deploy the provider before the first who calls it.",
    )


def call_differences(
    consumer: ContractDescription, provider: ContractDescription
) -> dict[str, list[str]]:
    """
    What would be misunderstood in calls of *consumer* to *provider*.

    A call is misunderstood if no argument and no reply of its method would get through, or if it
    would mean another thing. That a reader refuses some values, such as an enumeration's value that
    it does not know, is met by the calls that carry one.

    Returns:
        For each method that the consumer knows what does not fit; an empty list if calls work.
    """
    return {name: list(_differences(name, consumer, provider)) for name in consumer.methods}


def _differences(
    name: str, consumer: ContractDescription, provider: ContractDescription
) -> Iterator[str]:
    mine, theirs = consumer.methods[name], provider.methods.get(name)
    if theirs is None:
        yield "the provider has no such method"
        return
    if mine.repeat != theirs.repeat and not _keeps(theirs.repeat, mine.repeat):
        yield (
            f"the caller repeats it as {LEVELS[mine.repeat]}, and the provider promises "
            f"{LEVELS[theirs.repeat]} about repeats"
        )
    if streams_of(mine) != streams_of(theirs):
        yield f"the caller {streams_of(mine)}, and the provider {streams_of(theirs)}"
        return
    there = Fit(consumer, provider, "wire", is_deep=True)
    yield from _told(there.fields(mine.parameters, theirs.parameters), "callers", "providers")
    back = Fit(provider, consumer, "wire", is_deep=True)
    reply = back.reasons(theirs.reply, mine.reply)
    yield from _told(reply, "providers", "callers", "its reply: ")
    problems = Fit(provider, consumer, "json", is_deep=True)
    for problem in [problem for problem in theirs.problems if problem in mine.problems]:
        fields = provider.problems[problem].fields, consumer.problems[problem].fields
        reasons = problems.fields(*fields)
        yield from _told(reasons, "providers", "callers", f"{problem}: ")


def _keeps(provider: str, consumer: str) -> bool:
    """Whether what *provider* promises about repeats is all that *consumer* relies on."""
    return consumer == provider or REPEATS[consumer, provider][0] == ""


def _told(reasons: Iterable[Reason], writer: str, reader: str, where: str = "") -> Iterator[str]:
    for reason in reasons:
        if reason.is_certain:
            yield where + reason.said(writer, reader)
