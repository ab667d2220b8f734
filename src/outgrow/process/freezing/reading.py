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
_VERSION = re.compile(r"_v\d+$")
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
    protos = sorted(folder.glob("*.proto"))
    descriptions = [
        path for path in sorted(folder.glob("*.json")) if path.stem not in ("openapi", "asyncapi")
    ]
    for path in protos:
        content = _content(path, findings)
        needed = _json_names(path, content)
        if content is not None:
            _read_numbers(path, content, frozen, findings)
        if not any((folder / name).is_file() for name in needed):
            findings.append(_alone(path, needed[0]))
    for path in descriptions:
        content = _content(path, findings)
        service = None if content is None else _read_description(path, content, findings)
        if service is not None:
            frozen.services[service.service] = service
        findings += [_alone(path, name) for name in _missing_protos(path, service)]
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


def _read_description(
    path: Path, content: bytes, findings: list[Finding]
) -> ServiceDescription | None:
    try:
        version = msgspec.json.decode(content, type=_Header).format
        if version == FORMAT:
            return msgspec.json.decode(content, type=ServiceDescription)
        text = f"it has format {version}, and this version of outgrow reads {FORMAT}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = f"{error}".rstrip(".")
    findings.append(_wrong(shown(path), text))
    return None


def proto_name(service: str, version: int) -> str:
    """The file that the numbers of one version of *service* are in."""
    return f"{service}.proto" if version == 1 else f"{service}_v{version}.proto"


def _json_names(path: Path, content: bytes | None) -> list[str]:
    """The files one of which must stand beside a ``.proto``; its name alone leaves two open."""
    package = None if content is None else _PACKAGE.search(content)
    if package is not None:
        return [f"{package[1].decode().rpartition('.')[0]}.json"]
    return [f"{_VERSION.sub('', path.stem)}.json", f"{path.stem}.json"]


def _missing_protos(path: Path, service: ServiceDescription | None) -> list[str]:
    """The files with the numbers of what *path* describes, if they are not there."""
    if not path.is_file():
        return []
    if service is None:
        beside = [path.with_suffix(".proto"), *path.parent.glob(f"{path.stem}_v*.proto")]
        return [] if any(one.is_file() for one in beside) else [f"{path.stem}.proto"]
    versions = sorted({contract.version for contract in service.contracts.values()})
    names = [proto_name(service.service, version) for version in versions]
    return [name for name in names if not (path.parent / name).is_file()]


def _alone(path: Path, missing: str) -> Finding:
    lost = "what was promised" if missing.endswith(".json") else "the numbers of its fields"
    other = path.with_name(missing)
    return Finding(
        place=shown(path),
        message=f"{missing}, which stands beside it and says {lost}, is not there.",
        remedy=f"Restore it: git checkout HEAD -- {shown(other)}. If it was never committed, "
        f"delete {path.name} too, and freeze anew: outgrow contract freeze.",
        slug="frozen-incomplete",
    )


def _wrong(place: str, text: str) -> Finding:
    return Finding(
        place=place,
        message=f"the frozen contract cannot be read: {text}.",
        remedy=_REMEDY,
        slug="frozen-unreadable",
    )
