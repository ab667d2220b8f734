"""
What the services promised at another git revision.

Its files are written into a temporary folder, and the program there is read by a process of its
own: two revisions of one module cannot be in one process. Nothing of the work tree, the index or
the repository is touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from outgrow.contracts.descriptions import ServiceDescription
from outgrow.errors import DefinitionError, RevisionUnreadable
from outgrow.process.freezing.program import Program
from outgrow.process.freezing.reading import describe_services, read_frozen
from outgrow.process.loading import load_services
from outgrow.topology import read_topology

REVISION_SECONDS_MAX = 120.0
"""How long git, and then the program of the revision, may take."""

TOLD_LENGTH_MAX = 4_000

_OUTGROW = Path(__file__).parents[3]
"""The folder that this outgrow is imported from; another revision of it would not know us."""

_DESCRIBE = "from outgrow.process.freezing import tell_revision as t; import sys; t(*sys.argv[1:])"


def read_revision(program: Program, revision: str) -> dict[str, ServiceDescription]:
    """
    What the services of *program* promised at *revision*, by name.

    Args:
        revision: What git takes for a commit: a tag, a branch, a hash.

    Raises:
        RevisionUnreadable: There is no git, no repository, no such revision, or its program cannot
            be read.
    """
    plan = program.plan
    top = Path(_git(plan.folder, "rev-parse", "--show-toplevel"))
    told = _git(plan.folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    file = plan.file.resolve().relative_to(top.resolve())
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name)
        index = {"GIT_INDEX_FILE": str(folder / "index"), "GIT_LFS_SKIP_SMUDGE": "1"}
        _git(top, "read-tree", told, **index)
        _git(top, "checkout-index", "--all", f"--prefix={folder / 'tree'}/", **index)
        if not (folder / "tree" / file).is_file():
            raise RevisionUnreadable(f"{revision}: it has no {file}, so no services either.")
        return _described(revision, top, folder, file)


def _described(revision: str, top: Path, folder: Path, file: Path) -> dict[str, ServiceDescription]:
    """What a process of the revision's own says that it promises."""
    tree, answer = folder / "tree", folder / "answer.json"
    path = os.pathsep.join([str(_OUTGROW), *_moved(top, tree)])
    try:
        done = subprocess.run(  # noqa: S603 - our own program, on a commit of the user's
            [sys.executable, "-c", _DESCRIBE, str(tree / file), str(tree), str(answer)],
            cwd=(tree / file).parent,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=REVISION_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RevisionUnreadable(f"{revision}: its program cannot be read: {error}.") from error
    if done.returncode != 0 or not answer.is_file():
        text = done.stderr.replace(f"{tree}/", "").strip()[-TOLD_LENGTH_MAX:]
        message = (
            f"{revision}: its program cannot be read by this outgrow, with the packages that are "
            f"installed here. It said:\n{text}"
        )
        raise RevisionUnreadable(message)
    return msgspec.json.decode(answer.read_bytes(), type=dict[str, ServiceDescription])


def _moved(top: Path, tree: Path) -> list[str]:
    """What Python imports from below *top*, such as ``src``: the same of the revision."""
    paths = [Path(entry).resolve() for entry in sys.path if entry]
    return [
        str(tree / path.relative_to(top.resolve()))
        for path in paths
        if path.is_relative_to(top.resolve()) and path != _OUTGROW
        # Packages that are installed in the repository's folder are not part of it.
        if "site-packages" not in path.parts
    ]


def tell_revision(file: str, tree: str, answer: str) -> None:
    """
    Write into *answer* what the program of *file* promises. Runs in a process of its own.

    Args:
        tree: The folder that everything of the revision lies in.
    """
    try:
        plan = read_topology(Path(file))
        services, frozen = load_services(plan), read_frozen(plan.folder)
    except DefinitionError as error:
        sys.exit(str(error))
    for service in services:
        path = Path(sys.modules[service.package].__file__ or "")
        if not path.resolve().is_relative_to(Path(tree).resolve()):
            sys.exit(f"service {service.name!r} is imported from {path}, not from the revision.")
    models = [model for service in services for model in service.contracts]
    described = describe_services(plan.application, models, frozen)
    Path(answer).write_bytes(msgspec.json.encode(described))


def _git(folder: Path, *words: str, **environment: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *words],  # noqa: S607 - that of the user
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=REVISION_SECONDS_MAX,
            check=False,
        )
    except FileNotFoundError as error:
        message = "git is not installed here, and the revision is asked of it. Install it."
        raise RevisionUnreadable(message) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise RevisionUnreadable(f"git {words[0]}: {error}.") from error
    if done.returncode != 0:
        text = done.stderr.strip()[-TOLD_LENGTH_MAX:]
        message = (
            f"{folder}: git {' '.join(words)} was refused: {text}\n"
            "--against takes a revision of the repository that the topology file is in, such as "
            "a tag or a branch; 'running' or unix:SOCKET for what runs."
        )
        raise RevisionUnreadable(message)
    return done.stdout.strip()
