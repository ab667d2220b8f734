"""
Run every test, the long ones too, on every Python found here, and keep what they said.

Each Python other than this one gets an environment of its own from the same lock.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EVIDENCE = ROOT / "docs" / "evidence.md"
VERSIONS = ("3.11", "3.12", "3.13")
LAST_LINES = 40


@dataclass(frozen=True)
class Run:
    """One run of all tests."""

    version: str
    status: int
    seconds: float
    report: str


def main() -> int:
    """Run, keep, and say whether all of it was good."""
    revision = _say("git", "describe", "--always", "--dirty", "--abbrev=12")
    pythons = _pythons()
    runs = [
        _test(version, python, f"{number}/{len(pythons)}")
        for number, (version, python) in enumerate(pythons)
    ]
    EVIDENCE.write_text(_page(revision, runs))
    for run in runs:
        print(f"Python {run.version}: status {run.status}, {run.seconds:.0f} s")
    return max(run.status for run in runs)


def _pythons() -> list[tuple[str, Path]]:
    """The environment's Python of each version that can be had here, this one first."""
    own = ".".join(platform.python_version_tuple()[:2])
    found = [(own, Path(sys.executable))]
    for version in VERSIONS:
        base = None if version == own else _find(version)
        if base is not None:
            venv = ROOT / f".venv-python{version}"
            subprocess.run(["sh", "tools/setup.sh", base, venv.name], cwd=ROOT, check=True)
            found.append((version, venv / "bin" / "python"))
    return found


def _find(version: str) -> str | None:
    """A Python of that version that runs, on the path or where pyenv keeps its own."""
    pyenv = os.environ.get("PYENV_ROOT") or _say("pyenv", "root")
    kept = sorted(Path(pyenv).glob(f"versions/{version}.*/bin/python3")) if pyenv else []
    for candidate in [shutil.which(f"python{version}"), *map(str, kept)]:
        if candidate and _say(candidate, "-c", "print(1)") == "1":
            return candidate
    return None


def _say(*command: str) -> str:
    """The first words of a command; nothing if it cannot run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _test(version: str, python: Path, share: str) -> Run:
    """Run all tests; of those that are drawn by a seed, each Python runs its share."""
    # Workers must order sets alike, or they would call some tests by different names.
    hashing = os.environ.get("PYTHONHASHSEED", "1")
    environment = os.environ | {"OUTGROW_SHARE": share, "PYTHONHASHSEED": hashing}
    command = [python, "-m", "pytest", "-q", "-m", "long or not long", "--durations=10"]
    command += ["--numprocesses=logical", "--maxprocesses=4", "--dist=worksteal"]
    begin = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    seconds = time.perf_counter() - begin
    return Run(version, running.returncode, seconds, "".join(lines[-LAST_LINES:]))


def _page(revision: str, runs: list[Run]) -> str:
    parts = [
        "# Evidence\n\nWhat `make test-all` said; written by it, not by hand.\n",
        f"Revision `{revision}`, {platform.system()} {platform.machine()}, {os.cpu_count()} CPU.\n",
    ]
    for run in runs:
        report = re.sub(re.escape(str(ROOT)), ".", run.report).strip()
        head = f"## Python {run.version}: status {run.status}, {run.seconds:.0f} s"
        parts.append(f"{head}\n\n```\n{report}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
