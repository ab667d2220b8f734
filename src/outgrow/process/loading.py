"""Import the services that a plan names, and read them, with all findings at once."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Collection
from types import ModuleType

from outgrow.contracts import (
    ContractModel,
    contracts_of,
    is_contract,
    read_contract,
    service_name,
)
from outgrow.errors import DefinitionError, Finding, InvalidService
from outgrow.process.service import ServiceModel, is_service, read_service
from outgrow.topology import Plan


def load_services(plan: Plan, hosted: Collection[str] | None = None) -> list[ServiceModel]:
    """
    The services of *plan*; their packages are imported from the folder of its file.

    Args:
        hosted: The services that are wanted; all if None.

    Raises:
        InvalidService: All that is wrong with them, with file and line.
    """
    folder = str(plan.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    findings: list[Finding] = []
    models: list[ServiceModel] = []
    for name, package in plan.services.items():
        if hosted is not None and name not in hosted:
            continue
        module = _import(plan, package, findings)
        if module is not None:
            models += _read(plan, name, module, findings)
    elsewhere = set(plan.services) - set(plan.services if hosted is None else hosted)
    findings += _client_findings(models, elsewhere)
    InvalidService.raise_if_any(findings)
    return models


def load_contracts(
    plan: Plan, services: list[ServiceModel], *, is_complete: bool
) -> list[ContractModel]:
    """
    The contracts of *plan* that none of *services* keeps: those that they ask for.

    Only the modules of contracts are imported, so what keeps them need not be installed here.

    Args:
        is_complete: Whether to give the contracts of all services, asked for or not.

    Raises:
        DefinitionError: What is wrong with them, with file and line.
    """
    kept = {model.contract for service in services for model in service.contracts}
    asked = {contract: None for service in services for contract in service.clients.values()}
    if is_complete:
        hosted = {service.name for service in services}
        packages = [package for name, package in plan.services.items() if name not in hosted]
        asked |= {contract: None for package in packages for contract in _contracts(plan, package)}
    return [read_contract(contract) for contract in asked if contract not in kept]


def _contracts(plan: Plan, package: str) -> list[type]:
    findings: list[Finding] = []
    has_module = _import(plan, package, findings, is_contract_only=True)
    InvalidService.raise_if_any(findings)
    assert has_module is not None
    things = vars(has_module).values()
    return [t for t in things if is_contract(t) and t.__module__ == has_module.__name__]


def _import(
    plan: Plan, package: str, findings: list[Finding], *, is_contract_only: bool = False
) -> ModuleType | None:
    try:
        module = importlib.import_module(package)
        parts = ("contract",) if is_contract_only else ("service", "contract")
        if hasattr(module, "__path__") and any(_has(package, part) for part in parts):
            module = importlib.import_module(f"{package}.contract")
            if not is_contract_only and _has(package, "service"):
                module = importlib.import_module(f"{package}.service")
    except DefinitionError as error:
        findings += error.findings
    except ModuleNotFoundError as error:
        remedy = f"Services are imported from {plan.folder}. Is it spelled as its folder is?"
        findings.append(
            Finding(
                place=str(plan.file),
                message=f"service {package!r} cannot be imported: {error}.",
                remedy=remedy,
                slug="unknown-service",
            )
        )
    except Exception as error:  # noqa: BLE001 - a border: the user's module may raise anything
        findings.append(
            Finding(
                place=_place_of_error(error),
                message=f"service {package!r} cannot be imported: {type(error).__name__}: {error}.",
                remedy="The module raised this while it was imported.",
                slug="service-import",
            )
        )
    else:
        return module
    return None


def _has(package: str, part: str) -> bool:
    return importlib.util.find_spec(f"{package}.{part}") is not None


def _place_of_error(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _read(plan: Plan, name: str, module: ModuleType, findings: list[Finding]) -> list[ServiceModel]:
    classes = [
        cls
        for cls in vars(module).values()
        if is_service(cls) and cls.__module__ == module.__name__
    ]
    if not classes:
        findings.append(
            Finding(
                place=module.__file__ or module.__name__,
                message=f"service {name!r} has no class marked @service.",
                remedy=f"{plan.file.name} names {plan.services[name]!r}; its service class stands "
                "in the module 'service' of that package.",
                slug="service-missing",
            )
        )
    models = [read_service(cls, findings) for cls in classes]
    return [model for model in models if model is not None]


def _client_findings(models: list[ServiceModel], elsewhere: set[str]) -> list[Finding]:
    """Fields that ask for a contract which no service, here or *elsewhere*, or two, keep."""
    keepers: dict[type, list[str]] = {}
    for model in models:
        # Asked of the class, because a contract that cannot be read is kept all the same.
        for kept in contracts_of(model.cls):
            keepers.setdefault(kept, []).append(model.cls.__name__)
    findings = [
        Finding(
            place=models[0].place,
            message=f"contract {contract.__name__} is kept by {' and '.join(names)}.",
            remedy="One service class keeps a contract.",
            slug="contract-twice",
        )
        for contract, names in keepers.items()
        if len(names) > 1
    ]
    for model in models:
        for field, contract in model.clients.items():
            if contract not in keepers and service_name(contract.__module__) not in elsewhere:
                known = ", ".join(sorted(one.__name__ for one in keepers))
                findings.append(
                    Finding(
                        place=model.place,
                        message=f"field {field!r} of {model.cls.__name__} asks for "
                        f"{contract.__name__}, which no service of this application keeps.",
                        remedy=f"Kept are: {known or 'none'}.\n"
                        f"The class of its service derives from it, and its package is named in "
                        f"[app] services: {contract.__module__.removesuffix('.contract')}.",
                        slug="contract-not-kept",
                    )
                )
    return findings
