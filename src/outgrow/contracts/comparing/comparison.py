"""Hold two descriptions of a service beside each other."""

from __future__ import annotations

from outgrow.contracts.comparing.change import Change
from outgrow.contracts.descriptions import ContractDescription, ServiceDescription


def compare(old: ServiceDescription | None, new: ServiceDescription | None) -> list[Change]:
    """
    What changed from *old* to *new*, and whom it breaks.

    Args:
        old: What is frozen or runs; None if the service is new.
        new: What the code says; None if the service is gone.
    """
    del old, new
    return []


def call_differences(
    consumer: ContractDescription, provider: ContractDescription
) -> dict[str, list[str]]:
    """
    What would be misunderstood in calls of *consumer* to *provider*.

    Returns:
        For each method that the consumer knows what does not fit; an empty list if calls work.
    """
    del provider
    return {name: [] for name in consumer.methods}
