"""Write what services promise into the folder ``contracts``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from outgrow.contracts import ContractModel
from outgrow.contracts.descriptions import Numbers
from outgrow.contracts.protobuf import package_key, write_proto
from outgrow.errors import DefinitionError, Finding
from outgrow.process.freezing.comparison import Comparison, compare_with_frozen
from outgrow.process.freezing.program import Program
from outgrow.process.freezing.reading import Frozen, proto_name, read_frozen, shown


class Freezing(msgspec.Struct, frozen=True, kw_only=True):
    """
    What came of freezing.

    Attributes:
        folder: Where the files are.
        written: The names of those that are new or other than before.
        unchanged: The names of those that say the same already.
        left: The names of those that no service of the application has any more. They are kept:
            something that runs may still be compared with them.
        comparison: What changed for those who use the services.
        is_refused: Whether nothing was written, because a change breaks somebody.
    """

    folder: Path
    written: list[str]
    unchanged: list[str]
    left: list[str]
    comparison: Comparison
    is_refused: bool


def freeze(program: Program, *, allow_breaking: bool = False) -> Freezing:
    """
    Write what the services of *program* promise into the folder beside its file.

    The same contracts give the same files: what says the same already is not touched. Each file is
    replaced whole; the numbers first, since the descriptions are made of them.

    Args:
        allow_breaking: Whether to write although somebody breaks who relies on what was frozen.

    Raises:
        DefinitionError: What is frozen cannot be read, or two services would share a file.
    """
    folder, comparison = program.folder, compare_with_frozen(program)
    contents = _contents(program)
    stale = _stale(folder, contents)
    is_refused = comparison.breaks and not allow_breaking
    if not is_refused:
        for name in stale:
            _write(folder / name, contents[name])
    known = {path.name for path in folder.glob("*") if path.suffix in (".proto", ".json")}
    return Freezing(
        folder=folder,
        written=[] if is_refused else stale,
        unchanged=[name for name in contents if name not in stale],
        left=sorted(known - set(contents)),
        comparison=comparison,
        is_refused=is_refused,
    )


def unfrozen_files(program: Program) -> list[str]:
    """
    The files that freezing would write, as the code of *program* is now.

    Nothing if nothing was ever frozen: whoever does not freeze is not told to.

    Raises:
        DefinitionError: What is frozen cannot be read, or two services would share a file.
    """
    return _stale(program.folder, _contents(program)) if program.folder.is_dir() else []


def frozen_findings(program: Program) -> list[Finding]:
    """What is wrong with what is frozen; a note if the code says otherwise."""
    try:
        stale = unfrozen_files(program)
    except DefinitionError as error:
        return error.findings
    if not stale:
        return []
    others = f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""
    return [
        Finding(
            place=shown(program.folder / stale[0]),
            message=f"what is frozen is not what the code says{others}.",
            remedy="Say whom the change breaks: outgrow contract check. Then freeze it: "
            "outgrow contract freeze.",
            slug="frozen-stale",
            severity="note",
        )
    ]


def _contents(program: Program) -> dict[str, bytes]:
    """The files by their names, in the order in which they are written."""
    # Imported here: a process that starts reads what is frozen, and writes nothing.
    from outgrow.gateway import asyncapi_document, openapi_document  # noqa: PLC0415

    frozen, application = read_frozen(program.plan.folder), program.plan.application
    contents = _protos(application, program.models, frozen)
    # Where things stand changes with every line above them.
    services = program.describe(frozen, with_places=False)
    contents |= {f"{name}.json": _json(service) for name, service in services.items()}
    contents["openapi.json"] = _json(openapi_document(application, program.models))
    contents["asyncapi.json"] = _json(asyncapi_document(application, program.models))
    return contents


def _protos(application: str, models: Sequence[ContractModel], frozen: Frozen) -> dict[str, bytes]:
    packages: dict[str, list[ContractModel]] = {}
    for model in models:
        packages.setdefault(package_key(model), []).append(model)
    contents: dict[str, bytes] = {}
    findings: list[Finding] = []
    for key, own in sorted(packages.items()):
        name = proto_name(own[0].service, own[0].version)
        if name in contents or own[0].service in ("openapi", "asyncapi"):
            findings.append(_shared(own[0], name))
        numbers = frozen.numbers.get(key) or Numbers()
        contents[name] = write_proto(application, own, numbers).encode()
    DefinitionError.raise_if_any(findings)
    return contents


def _shared(model: ContractModel, name: str) -> Finding:
    return Finding(
        place=model.place,
        message=f"the contracts of {model.service!r} cannot be frozen: their file {name} is that "
        "of something else.",
        remedy="Name the package of the service otherwise.",
        slug="frozen-name",
    )


def _json(data: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"


def _stale(folder: Path, contents: dict[str, bytes]) -> list[str]:
    def is_same(name: str) -> bool:
        path = folder / name
        return path.is_file() and path.read_bytes() == contents[name]

    return [name for name in contents if not is_same(name)]


def _write(path: Path, content: bytes) -> None:
    """
    Replace the file: whoever reads it meets the old or the new one, whole.

    Raises:
        DefinitionError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        finding = Finding(
            place=shown(path),
            message=f"the frozen contract cannot be written: {error.strerror}.",
            remedy="Let this user write the folder, and freeze again: files that were written "
            "stay, and the others follow.",
            slug="frozen-unwritable",
        )
        raise DefinitionError([finding]) from error
