"""What the committed files of the folder ``contracts`` say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from outgrow.contracts import ContractModel, place_at
from outgrow.contracts.descriptions import (
    FORMAT,
    ContractDescription,
    Numbers,
    ServiceDescription,
    describe_service,
    fingerprint_of,
)
from outgrow.contracts.protobuf import read_proto
from outgrow.errors import DefinitionError, Finding

CONTRACTS_FOLDER = "contracts"
"""The folder beside the topology file."""

_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
_PACKAGE = re.compile(rb"^package [\w.]*?(\w+\.v\d+);", re.MULTILINE)
_REMEDY = "Nobody edits it by hand. Take it as it was committed: git checkout HEAD -- contracts."


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """
    What is frozen: nothing if there is no folder.

    Attributes:
        numbers: The numbers of each package, by ``<service>.v<version>``.
        services: What each service has promised, by its name.
    """

    numbers: dict[str, Numbers] = field(default_factory=dict)
    services: dict[str, ServiceDescription] = field(default_factory=dict)

    @property
    def contracts(self) -> dict[tuple[str, str], ContractDescription]:
        """The contracts by their service's name and ``v<version>.<Contract>``."""
        return {
            (name, key): contract
            for name, service in self.services.items()
            for key, contract in service.contracts.items()
        }

    def has(self, service: str, key: str, contract: ContractDescription) -> bool:
        """Whether *contract* means the same by its calls as the frozen one of that name."""
        frozen = self.services.get(service)
        known = None if frozen is None else frozen.contracts.get(key)
        return known is not None and fingerprint_of(known) == fingerprint_of(contract)


class _Header(msgspec.Struct):
    """What is read first of a description: whether the rest can be."""

    format: int = FORMAT


def read_frozen(folder: Path) -> Frozen:
    """
    What is frozen beside the topology file in *folder*.

    Raises:
        DefinitionError: All files that cannot be read.
    """
    folder /= CONTRACTS_FOLDER
    findings: list[Finding] = []
    frozen = Frozen()
    for path in sorted(folder.glob("*.proto")):
        content = _content(path, findings)
        if content is not None:
            _read_numbers(path, content, frozen, findings)
    for path in sorted(folder.glob("*.json")):
        content = None if path.stem in ("openapi", "asyncapi") else _content(path, findings)
        if content is not None:
            _read_description(path, content, frozen, findings)
    DefinitionError.raise_if_any(findings)
    return frozen


def describe_services(
    application: str, models: Iterable[ContractModel], frozen: Frozen, *, with_places: bool = True
) -> dict[str, ServiceDescription]:
    """What *models* promise, by service, with the numbers that are frozen and next ones."""
    by_service: dict[str, list[ContractModel]] = {}
    for model in models:
        by_service.setdefault(model.service, []).append(model)
    return {
        name: describe_service(application, name, own, frozen.numbers, with_places=with_places)
        for name, own in sorted(by_service.items())
    }


def shown(path: Path) -> str:
    """*path*, relative to the current folder if it is below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _content(path: Path, findings: list[Finding]) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        findings.append(
            Finding(
                place=shown(path),
                message=f"the frozen contract cannot be read: {error.strerror}.",
                remedy=_REMEDY,
                slug="frozen-unreadable",
            )
        )
        return None
    conflict = _CONFLICT.search(content)
    if conflict is None:
        return content
    findings.append(
        Finding(
            place=place_at(str(path), content[: conflict.start()].count(b"\n") + 1),
            message="the frozen contract holds a merge conflict.",
            remedy="Keep the side that is deployed, whole, and freeze the merged code again: "
            "outgrow contract freeze. A number that both sides gave to a new field must not "
            "stay with both.",
            slug="frozen-conflict",
        )
    )
    return None


def _read_numbers(path: Path, content: bytes, frozen: Frozen, findings: list[Finding]) -> None:
    package = _PACKAGE.search(content)
    if package is None:
        findings.append(_wrong(shown(path), "it has no line 'package <app>.<service>.v<version>;'"))
        return
    try:
        numbers = read_proto(content.decode(), shown(path))
    except UnicodeDecodeError as error:
        findings.append(_wrong(shown(path), f"it is no text: {error}"))
    except DefinitionError as error:
        findings += error.findings
    else:
        frozen.numbers[package[1].decode()] = numbers


def _read_description(path: Path, content: bytes, frozen: Frozen, findings: list[Finding]) -> None:
    try:
        version = msgspec.json.decode(content, type=_Header).format
        if version != FORMAT:
            text = f"it has format {version}, and this version of outgrow reads {FORMAT}"
            findings.append(_wrong(shown(path), text))
            return
        service = msgspec.json.decode(content, type=ServiceDescription)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        findings.append(_wrong(shown(path), f"{error}".rstrip(".")))
    else:
        frozen.services[service.service] = service


def _wrong(place: str, text: str) -> Finding:
    return Finding(
        place=place,
        message=f"the frozen contract cannot be read: {text}.",
        remedy=_REMEDY,
        slug="frozen-unreadable",
    )
