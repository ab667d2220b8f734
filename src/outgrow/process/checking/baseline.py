"""What an existing code base may keep of its findings; it may only become less."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import msgspec

from outgrow.errors import Finding, InvalidTopology
from outgrow.process.checking.program import Checked

BOUNDARIES = {
    "call-circle",
    "command-from-query",
    "contract-store-type",
    "distributed-transaction",
    "import-inside",
    "saga-step-without-undo",
    "saga-undo-problem",
    "service-circle",
    "table-of-another",
}
"""What a baseline can hold: a program that has these starts all the same."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True, order=True, forbid_unknown_fields=True):
    """A finding without lines, so that it stays the same while code around it moves."""

    slug: str
    file: str
    message: str
    count: int = 1


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    about: str
    findings: list[_Kept]


ABOUT = "Findings that outgrow check --baseline keeps. It may only become shorter."


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """
    The findings of a program beside its baseline.

    Attributes:
        findings: Those that the baseline does not hold, and what is wrong with the baseline.
        kept: How many it holds that are still there.
        removed: How many were taken out of it.
    """

    findings: list[Finding]
    kept: int
    removed: int = 0


def compare_with_baseline(checked: Checked, file: Path, root: Path) -> Compared:
    """
    What is new since *file* was written, and what *file* holds and is there no more.

    Args:
        root: The folder of the topology file; paths are relative to it.

    Raises:
        InvalidTopology: *file* cannot be read.
    """
    known = _read(file)
    here = _grouped(checked, root)
    new = [finding for finding in checked.findings if finding.slug not in BOUNDARIES]
    for identity, findings in here.items():
        excess = len(findings) - known[identity]
        if excess > 0:
            new += [_one_of(finding, len(findings), known[identity]) for finding in findings]
    if checked.is_loaded:
        gone = {i: count - len(here.get(i, [])) for i, count in known.items()}
        new += [_gone(file, i, count) for i, count in sorted(gone.items()) if count > 0]
    kept = sum(min(len(findings), known[i]) for i, findings in here.items())
    return Compared(findings=new, kept=kept)


def update_baseline(checked: Checked, file: Path, root: Path) -> Compared:
    """
    Write *file* if it is not there; else take out of it what is gone. Nothing is ever added.

    A program that cannot be loaded changes nothing, because not all of it was looked at.

    Raises:
        InvalidTopology: *file* cannot be read or written.
    """
    here = {identity: len(findings) for identity, findings in _grouped(checked, root).items()}
    known = _read(file) if file.exists() else Counter(here)
    if checked.is_loaded:
        left = {i: min(count, here.get(i, 0)) for i, count in known.items()}
        kept = [msgspec.structs.replace(i, count=n) for i, n in sorted(left.items()) if n]
        if not file.exists() or sum(left.values()) < known.total():
            _write(file, kept)
    compared = compare_with_baseline(checked, file, root) if file.exists() else None
    findings = checked.findings if compared is None else compared.findings
    left_total = compared.kept if compared else 0
    removed = known.total() - left_total if checked.is_loaded else 0
    return Compared(findings=findings, kept=left_total, removed=removed)


def _grouped(checked: Checked, root: Path) -> dict[_Kept, list[Finding]]:
    grouped: dict[_Kept, list[Finding]] = {}
    for finding in checked.findings:
        if finding.slug in BOUNDARIES:
            grouped.setdefault(_identity(finding, root), []).append(finding)
    return grouped


def _identity(finding: Finding, root: Path) -> _Kept:
    path = re.sub(r":\d+$", "", finding.place)
    file = Path(os.path.relpath(Path(path).absolute(), root.absolute())).as_posix()
    return _Kept(slug=finding.slug, file=file, message=finding.message)


def _one_of(finding: Finding, here: int, kept: int) -> Finding:
    if kept == 0:
        return finding
    remedy = f"{finding.remedy}\nThere are {here} like it, and the baseline keeps {kept}."
    return _replaced(finding, remedy)


def _replaced(finding: Finding, remedy: str) -> Finding:
    return Finding(
        place=finding.place,
        message=finding.message,
        remedy=remedy,
        slug=finding.slug,
        severity=finding.severity,
    )


def _gone(file: Path, kept: _Kept, count: int) -> Finding:
    times = "" if count == 1 else f", {count} times"
    return Finding(
        place=str(file),
        message=f"it keeps what is no more{times}: {kept.file}: {kept.message}",
        remedy="A baseline only becomes shorter, and at once: outgrow check --baseline "
        f"{file} --update-baseline takes it out.",
        slug="baseline-gone",
    )


def _read(file: Path) -> Counter[_Kept]:
    try:
        held = msgspec.json.decode(file.read_bytes(), type=_File)
    except FileNotFoundError:
        message, remedy = "there is no such baseline.", "--update-baseline writes it."
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"it cannot be read: {error}."
        remedy = "outgrow check --update-baseline writes it; take it back from version control."
    else:
        found: Counter[_Kept] = Counter()
        for kept in held.findings:
            found[msgspec.structs.replace(kept, count=1)] += max(kept.count, 0)
        return found
    finding = Finding(place=str(file), message=message, remedy=remedy, slug="baseline-unreadable")
    raise InvalidTopology([finding])


def _write(file: Path, kept: list[_Kept]) -> None:
    text = msgspec.json.format(msgspec.json.encode(_File(about=ABOUT, findings=kept)), indent=2)
    try:
        file.write_bytes(text + b"\n")
    except OSError as error:
        finding = Finding(
            place=str(file),
            message=f"it cannot be written: {error}.",
            remedy="",
            slug="baseline-unreadable",
        )
        raise InvalidTopology([finding]) from error
