"""The program whose contracts are frozen and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from outgrow.contracts import ContractModel
from outgrow.contracts.descriptions import Numbers, ServiceDescription
from outgrow.contracts.protobuf import lay_out, package_key
from outgrow.errors import DefinitionError, Finding, InvalidContract
from outgrow.process.freezing.reading import CONTRACTS_FOLDER, Frozen, describe_services
from outgrow.process.loading import load_services
from outgrow.topology import Plan, read_topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    What a topology file names.

    Attributes:
        models: All contracts of its services.
    """

    plan: Plan
    models: Sequence[ContractModel]

    @property
    def folder(self) -> Path:
        """Where its contracts are frozen."""
        return self.plan.folder / CONTRACTS_FOLDER

    def describe(
        self, frozen: Frozen, *, with_places: bool = True
    ) -> dict[str, ServiceDescription]:
        """
        What its services promise, by name, with the numbers that are *frozen*.

        Raises:
            DefinitionError: Names that protobuf cannot hold, all at once: nothing of that can be
                frozen.
        """
        packages: dict[str, list[ContractModel]] = {}
        for model in self.models:
            packages.setdefault(package_key(model), []).append(model)
        findings: list[Finding] = []
        for key, own in packages.items():
            try:
                lay_out(self.plan.application, own, frozen.numbers.get(key) or Numbers())
            except InvalidContract as invalid:
                findings += invalid.findings
        DefinitionError.raise_if_any(findings)
        return describe_services(
            self.plan.application, self.models, frozen, with_places=with_places
        )


def read_program(file: Path) -> Program:
    """
    The program that *file* names; its services are imported, and nothing is started.

    Raises:
        DefinitionError: All that is wrong with it, with file and line.
    """
    plan = read_topology(file)
    return Program(plan=plan, models=[m for s in load_services(plan) for m in s.contracts])
