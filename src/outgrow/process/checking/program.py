"""Everything that a start would refuse, without starting."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from grimp.exceptions import SourceSyntaxError

from outgrow.clock import SystemClock
from outgrow.contracts import ContractModel, place_at
from outgrow.errors import DefinitionError, Finding, MigrationFailed
from outgrow.gateway import Edge
from outgrow.process.checking.breaking import breaking_findings
from outgrow.process.checking.callgraph import CallGraph
from outgrow.process.checking.circles import (
    circle_findings,
    distributed_findings,
    query_findings,
)
from outgrow.process.checking.imports import import_findings
from outgrow.process.checking.leaks import leak_findings
from outgrow.process.checking.sources import Sources
from outgrow.process.checking.tables import table_findings
from outgrow.process.freezing import Program, frozen_findings
from outgrow.process.loading import find_services
from outgrow.process.service import ServiceModel
from outgrow.process.stores import migrations_folder, open_service_store, sharing_findings
from outgrow.process.wiring import fill_all_settings
from outgrow.sagas import Code, codes_of
from outgrow.topology import Plan, method_findings, read_topology


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, in numbers."""

    services: int
    contracts: int
    methods: int
    events: int
    handlers: int
    topologies: int
    modules: int


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was found.

    Attributes:
        counts: What was looked at.
        findings: All that is wrong, warnings and notes too.
        is_loaded: Whether all services could be loaded; if not, some of it was not looked at.
    """

    counts: Counts
    findings: list[Finding]
    is_loaded: bool

    @property
    def errors(self) -> list[Finding]:
        """The findings that a program must not have."""
        return [finding for finding in self.findings if finding.severity == "error"]


def check_program(file: Path, against: str | None = None) -> Checked:
    """
    Look at the program that *file* names: the file, services, contracts, and their boundaries.

    The services are imported and nothing is started: no port is listened on, and migrations
    are tried on an empty store. A setting that is missing is no finding, because another machine
    may give it.

    Args:
        against: The git revision that still runs while migrations are applied; by default the last
            tag, or else the last commit.
    """
    findings: list[Finding] = []
    try:
        plan = read_topology(file)
    except DefinitionError as error:
        findings += error.findings
        plan = _services_only(file)
    services = find_services(plan, None, findings)
    models = [model for service in services for model in service.contracts]
    sources = Sources(plan.services)
    # A program that cannot be loaded says nothing yet about how its parts fit.
    if is_loaded := not findings:
        findings += _settings_findings(plan, services)
        findings += [finding for s in services for finding in _source_findings(s, services)]
        findings += _edge_findings(plan, models)
        findings += _wire_findings(plan, models)
        findings += _http_findings(plan)
        findings += method_findings(plan.calls, models)
        findings += _sharing_findings(plan, services)
        findings += asyncio.run(_migration_findings(plan, services))
        findings += breaking_findings(plan, _migrations(services), against)
        findings += _boundary_findings(services, sources)
        findings += frozen_findings(Program(plan=plan, models=models))
    findings += leak_findings(sources)
    modules = 0
    try:
        modules = import_findings(plan.services, sources, findings)
    except SourceSyntaxError as error:
        findings += _unreadable(error, findings)
        is_loaded = False
    counts = Counts(
        services=len(plan.services),
        contracts=len(models),
        methods=sum(len(model.methods) for model in models),
        events=len({event.type for model in models for event in model.events}),
        handlers=sum(len(service.handlers) for service in services),
        topologies=len(plan.topologies),
        modules=modules,
    )
    found = list(dict.fromkeys(findings))
    return Checked(counts=counts, findings=found, is_loaded=is_loaded)


def _boundary_findings(services: list[ServiceModel], sources: Sources) -> list[Finding]:
    """What works together and hurts apart, although all of it could be loaded."""
    graph = CallGraph(services, sources)
    return [
        *circle_findings(graph, services),
        *query_findings(graph, services),
        *distributed_findings(graph, services, sources),
        *_saga_findings(services),
        *table_findings(sources, _migrations(services)),
    ]


def _saga_findings(services: list[ServiceModel]) -> list[Finding]:
    """What is wrong with the code of sagas, as it is read."""
    found = [(service.cls, code) for service in services for code in sagas_of(service)]
    if not found:
        return []
    from outgrow.sagas.operating import saga_findings  # noqa: PLC0415 - most programs have none

    return [finding for cls, code in found for finding in saga_findings(cls, code)]


def sagas_of(service: ServiceModel) -> list[Code]:
    """The sagas of *service*, each version by itself."""
    return [code for _, code in sorted(codes_of(service.cls).items())]


def _migrations(services: list[ServiceModel]) -> dict[str, Path | None]:
    """The folder of each service's migrations."""
    return {
        service.name: migrations_folder(service.package) if service.store else None
        for service in services
    }


def _services_only(file: Path) -> Plan:
    """What can be looked at although the file is wrong: the services that it names."""
    try:
        named = tomllib.loads(file.read_text(encoding="utf-8"))["app"]["services"]
        packages = [p for p in named if re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*", p)]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, LookupError, TypeError):
        packages = []
    services = {package.rpartition(".")[2]: package for package in packages}
    return Plan(file=file.resolve(), application="unnamed", services=services, http=None)


def _findings_of(check: Callable[[], Any]) -> list[Finding]:
    try:
        check()
    except DefinitionError as error:
        return error.findings
    return []


def _settings_findings(plan: Plan, services: list[ServiceModel]) -> list[Finding]:
    found = _findings_of(lambda: fill_all_settings(plan, services))
    return [finding for finding in found if finding.slug != "setting-missing"]


def _source_findings(model: ServiceModel, services: list[ServiceModel]) -> list[Finding]:
    """Handlers of services that record nothing here."""
    recording = {service.name for service in services if service.store is not None}
    return [
        Finding(
            place=model.place,
            message=f"{model.name}.{handler.method} listens to {source!r}, which records nothing "
            "in this application.",
            remedy="A service that records events is among the application's services, and has a "
            "field store: Store.",
            slug="handler-without-source",
        )
        for handler in model.handlers
        for source in handler.events_by_source()
        if source not in recording
    ]


def _edge_findings(plan: Plan, models: list[ContractModel]) -> list[Finding]:
    """Contracts that HTTP cannot reach together."""
    return _findings_of(lambda: Edge(plan.application, models, _nobody, SystemClock()))


def _wire_findings(plan: Plan, models: list[ContractModel]) -> list[Finding]:
    """Contracts that no protobuf can carry; looked at if there are processes to carry them."""
    if not plan.topologies or importlib.util.find_spec("grpc") is None:
        return []
    from outgrow.calls.protobuf import Messages  # noqa: PLC0415 - an extra, and slow to import

    return _findings_of(lambda: Messages(plan.application, models))


def _http_findings(plan: Plan) -> list[Finding]:
    """Processes that would answer where the gateway answers."""
    return [
        Finding(
            place=str(plan.file),
            message=f"process {name!r} of topology {topology.name!r} has the http of [gateway].",
            remedy="Give it another port, or leave it out: one is chosen.",
            slug="http-twice",
        )
        for topology in plan.topologies.values()
        for name, placement in topology.processes.items()
        if name != topology.gateway and placement.http.port and placement.http == plan.http
    ]


def _sharing_findings(plan: Plan, services: list[ServiceModel]) -> list[Finding]:
    """Replicas of services whose stores only one process can open."""
    stored = {service.name for service in services if service.store is not None}
    return [
        finding
        for topology in plan.topologies.values()
        for name, placement in topology.processes.items()
        for finding in sharing_findings(
            f"{plan.file} [topology.{topology.name}.process.{name}]",
            placement.replicas,
            stored & set(placement.services),
            topology.stores,
        )
    ]


async def _migration_findings(plan: Plan, services: list[ServiceModel]) -> list[Finding]:
    """Migrations that an empty store does not take."""
    findings = []
    for service in services:
        if service.store is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                async with AsyncExitStack() as stack:
                    await open_service_store(
                        stack,
                        Path(folder),
                        application=plan.application,
                        service=service.name,
                        package=service.package,
                        clock=SystemClock(),
                    )
            except MigrationFailed as error:
                message = str(error).removeprefix(f"{error.place}: ")
                finding = Finding(
                    place=error.place,
                    message=message,
                    remedy="It was tried on an empty store, which was thrown away.",
                    slug="migration-failed",
                )
                findings.append(finding)
    return findings


def _unreadable(error: SourceSyntaxError, known: list[Finding]) -> list[Finding]:
    """A module that is no Python, unless it was found already."""
    place = place_at(str(error.filename), error.lineno or 1)
    if any(finding.place == place for finding in known):
        return []
    remedy = "Mend it; what services import of each other was not looked at."
    message = f"it is no Python: {error.text}."
    return [Finding(place=place, message=message, remedy=remedy, slug="module-syntax")]


def _nobody(_: Any) -> Any:
    """Nothing is called while a program is checked."""
    return None
