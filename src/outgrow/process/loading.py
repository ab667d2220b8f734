"""Import the services that a plan names, and read them, with all findings at once."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Collection, Iterator
from types import ModuleType

from outgrow.contracts import (
    ContractModel,
    Method,
    contract_modules,
    contracts_of,
    is_contract,
    place_at,
    place_of,
    public_events,
    read_contract,
    service_name,
    service_package,
)
from outgrow.errors import DefinitionError, Finding, InvalidService
from outgrow.process.service import ServiceModel, is_service, read_service
from outgrow.sagas import codes_of
from outgrow.topology import Plan


def load_services(plan: Plan, hosted: Collection[str] | None = None) -> list[ServiceModel]:
    """
    The services of *plan*; their packages are imported from the folder of its file.

    Args:
        hosted: The services that are wanted; all if None.

    Raises:
        InvalidService: All that is wrong with them, with file and line.
    """
    findings: list[Finding] = []
    models = find_services(plan, hosted, findings)
    InvalidService.raise_if_any(findings)
    return models


def find_services(
    plan: Plan, hosted: Collection[str] | None, findings: list[Finding]
) -> list[ServiceModel]:
    """The services of *plan* that can be read; what is wrong is added to *findings*."""
    folder = str(plan.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    models: list[ServiceModel] = []
    for name, package in plan.services.items():
        if hosted is not None and name not in hosted:
            continue
        module = _import(plan, package, findings)
        if module is not None:
            models += _read(plan, name, module, findings)
    # What cannot be read is found by itself; who asks for it is not wrong.
    elsewhere = set(plan.services) - {model.name for model in models}
    findings += _client_findings(models, elsewhere)
    for model in models:
        _find_private_events(plan, model, findings)
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


def declared_services(services: list[ServiceModel]) -> dict[str, list[str]]:
    """By each of *services*, the services whose contracts its fields ask for."""
    found: dict[str, set[str]] = {model.name: set() for model in services}
    for model in services:
        found[model.name] |= {service_name(c.__module__) for c in model.clients.values()}
    return {name: sorted(called) for name, called in found.items()}


def _contracts(plan: Plan, package: str) -> list[type]:
    findings: list[Finding] = []
    has_module = _import(plan, package, findings, is_contract_only=True)
    InvalidService.raise_if_any(findings)
    assert has_module is not None
    things = [thing for module in contract_modules(package) for thing in vars(module).values()]
    own = [t for t in things if is_contract(t) and service_package(t.__module__) == package]
    return list(dict.fromkeys(own))


def _import(
    plan: Plan, package: str, findings: list[Finding], *, is_contract_only: bool = False
) -> ModuleType | None:
    try:
        module = importlib.import_module(package)
        parts = ("contract",) if is_contract_only else ("service", "contract")
        if hasattr(module, "__path__") and any(_has(package, part) for part in parts):
            module = importlib.import_module(f"{package}.contract")
            _import_parts(module)
            if not is_contract_only and _has(package, "service"):
                module = importlib.import_module(f"{package}.service")
    except DefinitionError as error:
        findings += error.findings
    except ModuleNotFoundError as error:
        findings.append(_not_found(plan, package, error))
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


def _import_parts(contract: ModuleType) -> None:
    """Import the modules in a *contract* that is a package: one for each version, as a rule."""
    for part in pkgutil.iter_modules(getattr(contract, "__path__", ()), f"{contract.__name__}."):
        importlib.import_module(part.name)


def _not_found(plan: Plan, package: str, error: ModuleNotFoundError) -> Finding:
    """Whether the service itself is not there, or something that it imports."""
    if f"{package}.".startswith(f"{error.name}.") or str(error.name).startswith(f"{package}."):
        place = _place_in_plan(plan, package)
        remedy = f"Services are imported from {plan.folder}. Is it spelled as its folder is?"
    else:
        place = _place_of_error(error)
        remedy = f"It imports {error.name!r}, which is not installed here or is spelled otherwise."
    message = f"service {package!r} cannot be imported: {error}."
    return Finding(place=place, message=message, remedy=remedy, slug="unknown-service")


def _place_in_plan(plan: Plan, package: str) -> str:
    """``file:line`` where the topology file names *package*."""
    quoted = (f'"{package}"', f"'{package}'")
    lines = plan.file.read_text(encoding="utf-8").splitlines() if plan.file.is_file() else []
    found = [n for n, line in enumerate(lines, start=1) if any(text in line for text in quoted)]
    return place_at(str(plan.file), found[0] if found else 1)


def _has(package: str, part: str) -> bool:
    return importlib.util.find_spec(f"{package}.{part}") is not None


def _place_of_error(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return place_at(str(error.filename), error.lineno or 1)
    frames = traceback.extract_tb(error.__traceback__)
    # A module that is not found is looked for by Python itself; the line that asked is the user's.
    own = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    return place_at(own[-1].filename, own[-1].lineno or 1)


def _read(plan: Plan, name: str, module: ModuleType, findings: list[Finding]) -> list[ServiceModel]:
    classes = [
        cls
        for cls in vars(module).values()
        if is_service(cls) and _is_inside(cls.__module__, module.__name__)
    ]
    if not classes:
        findings.append(
            Finding(
                place=place_at(module.__file__, 1) if module.__file__ else module.__name__,
                message=f"service {name!r} has no class marked @service.",
                remedy=f"{plan.file.name} names {plan.services[name]!r}; its service class stands "
                "in the module 'service' of that package.",
                slug="service-missing",
            )
        )
    models = [read_service(cls, findings) for cls in dict.fromkeys(classes)]
    read = [model for model in models if model is not None]
    findings += [*_methods_twice(read), *_handlers_twice(read), *_saga_findings(read)]
    return read


def _methods_twice(models: list[ServiceModel]) -> Iterator[Finding]:
    """Methods of one name in two contracts of one service and version."""
    seen: dict[str, tuple[ContractModel, Method]] = {}
    contracts = {model.contract: model for service in models for model in service.contracts}
    for model in contracts.values():
        for method in model.methods.values():
            first, other = seen.setdefault(method.full_name, (model, method))
            if other is not method:
                yield Finding(
                    place=method.place,
                    message=f"{model.name} and {first.name} both have a method {method.name!r}; "
                    f"the other stands at {other.place}.",
                    remedy=f"Logs, keys and errors call it {method.full_name}, so a name stands "
                    "once in the contracts of a service that have the same version. Give one of "
                    "them another name, or its contract another version.",
                    slug="method-twice",
                )


def _handlers_twice(models: list[ServiceModel]) -> Iterator[Finding]:
    """Handlers of one name in two classes of one service."""
    seen: dict[str, ServiceModel] = {}
    for model in models:
        for handler in model.handlers:
            other = seen.setdefault(handler.method, model)
            if other is not model:
                yield Finding(
                    place=place_of(inspect.unwrap(getattr(model.cls, handler.methods[0]))),
                    message=f"{model.cls.__name__} and {other.cls.__name__} both have a handler "
                    f"{handler.method!r}.",
                    remedy=f"Its name, {model.name}.{handler.method}, is what it has handled so "
                    "far. Give one of them another name.",
                    slug="handler-twice",
                )


def _saga_findings(models: list[ServiceModel]) -> Iterator[Finding]:
    """What is wrong with the sagas of the classes of one service."""
    first: ServiceModel | None = None
    for model in models:
        try:
            codes = codes_of(model.cls)
        except InvalidService as error:
            yield from error.findings
            continue
        if codes and first is not None:
            yield Finding(
                place=model.place,
                message=f"{model.cls.__name__} and {first.cls.__name__} both have sagas, and are "
                f"both of service {model.name!r}.",
                remedy="What sagas do and wait for is kept in their service's store, and one class "
                "goes on with it. Move them into one of the two.",
                slug="saga-classes",
            )
        first = model if codes and first is None else first


def _client_findings(models: list[ServiceModel], elsewhere: set[str]) -> list[Finding]:
    """Fields that ask for a contract which no service, here or *elsewhere*, or two, keep."""
    keepers: dict[type, list[str]] = {}
    for model in models:
        # Asked of the class, because a contract that cannot be read is kept all the same.
        for kept in contracts_of(model.cls):
            keepers.setdefault(kept, []).append(model.cls.__name__)
    findings = [
        Finding(
            place=place_of(contract),
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


def _find_private_events(plan: Plan, model: ServiceModel, findings: list[Finding]) -> None:
    """Find handlers of *model* that listen to what is private to another service."""
    services = {package: name for name, package in plan.services.items()}
    for handler in model.handlers:
        for event in handler.events:
            package = next((p for p in services if _is_inside(event.__module__, p)), model.package)
            if package == model.package:
                continue
            # In a process of its own the contract may not be imported by anyone else.
            module = _import(plan, package, findings, is_contract_only=True)
            if module is None or event in public_events(package):
                continue
            findings.append(
                Finding(
                    place=place_of(inspect.unwrap(getattr(model.cls, handler.methods[0]))),
                    message=f"{model.name}.{handler.method} listens to {event.__name__}, which is "
                    f"private to {services[package]!r}: {module.__name__} does not name it.",
                    remedy=f"It is defined at {place_of(event)}. Define it in {module.__name__}, "
                    "or import it there: only such events leave their service.",
                    slug="event-private",
                )
            )


def _is_inside(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")
