"""Import the services that a plan names, and read them, with all findings at once."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from types import ModuleType

from outgrow.contracts import contracts_of
from outgrow.errors import DefinitionError, Finding, InvalidService
from outgrow.process.service import ServiceModel, is_service, read_service
from outgrow.topology import Plan


def load_services(plan: Plan) -> list[ServiceModel]:
    """
    The services of *plan*; their packages are imported from the folder of its file.

    Raises:
        InvalidService: All that is wrong with them, with file and line.
    """
    folder = str(plan.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    findings: list[Finding] = []
    models: list[ServiceModel] = []
    for name, package in plan.services.items():
        module = _import(plan, package, findings)
        if module is not None:
            models += _read(plan, name, module, findings)
    findings += _client_findings(models)
    InvalidService.raise_if_any(findings)
    return models


def _import(plan: Plan, package: str, findings: list[Finding]) -> ModuleType | None:
    try:
        module = importlib.import_module(package)
        if hasattr(module, "__path__") and importlib.util.find_spec(f"{package}.service"):
            importlib.import_module(f"{package}.contract")
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


def _client_findings(models: list[ServiceModel]) -> list[Finding]:
    """Fields that ask for a contract which no service, or more than one, keeps."""
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
            if contract not in keepers:
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
