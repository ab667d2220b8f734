"""What was promised at another git revision is read without touching anything."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from outgrow.errors import RevisionUnreadable
from outgrow.process.freezing import compare_services, freeze, read_revision
from tests.process.freezing.conftest import NOTED, ORDERS, UNPRICED, Code


def git(folder: Path, *words: str) -> str:
    """What git says there, whatever is set for the user of this machine."""
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout


@pytest.fixture(autouse=True)
def _own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


@pytest.fixture
def commit(code: Code, tmp_path: Path):
    """Write the orders, commit them under a tag, and give the program."""

    def write_and_commit(tag: str, source: str = ORDERS, *, is_frozen: bool = False):
        program = code(source)
        if is_frozen:
            freeze(program, allow_breaking=True)
        if not (tmp_path / ".git").exists():
            git(tmp_path, "init", "-q")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", tag)
        git(tmp_path, "tag", tag)
        return program

    return write_and_commit


def compare(program, revision: str):
    return compare_services(revision, read_revision(program, revision), program, place=revision)


def test_the_code_is_compared_with_that_of_a_tag(commit, code: Code) -> None:
    commit("v1")
    commit("v2", UNPRICED)
    program = code(NOTED)

    first, second = compare(program, "v1"), compare(program, "v2")

    assert not first.breaks
    assert "note" in first.changes[0].message
    assert any("cents" in change.message for change in second.changes)


def test_its_numbers_are_those_that_were_committed_with_it(commit, code: Code) -> None:
    swapped = ORDERS.replace(
        "    order_id: str\n    cents: int\n", "    cents: int\n    order_id: str\n", 1
    )
    commit("v1", is_frozen=True)
    commit("v2", swapped, is_frozen=True)

    read = read_revision(code(swapped), "v2")["orders"].contracts["v1.Orders"].records["Order"]

    assert {field.name: field.number for field in read.fields} == {"order_id": 1, "cents": 2}


def test_nothing_of_the_repository_or_the_work_tree_is_touched(
    commit, code: Code, tmp_path: Path
) -> None:
    commit("v1")
    program = code(UNPRICED)
    (tmp_path / "new.txt").write_text("not committed")
    git(tmp_path, "add", "new.txt")

    def everything() -> dict[str, bytes]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {str(p): p.read_bytes() for p in files if "__pycache__" not in p.parts}

    status, before = git(tmp_path, "status", "--porcelain"), everything()
    assert compare(program, "v1").breaks

    assert before == everything()
    assert status == git(tmp_path, "status", "--porcelain")


def test_an_application_below_the_top_of_its_repository_is_found(
    code: Code, tmp_path: Path
) -> None:
    program = code()
    (tmp_path / "app").mkdir()
    for name in ["orders.py", "outgrow.toml"]:
        (tmp_path / name).rename(tmp_path / "app" / name)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "v1")
    moved = replace(program.plan, file=tmp_path / "app" / "outgrow.toml")

    assert list(read_revision(replace(program, plan=moved), "HEAD")) == ["orders"]


def test_modules_that_python_finds_elsewhere_in_the_repository_are_those_of_the_revision(
    code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a folder ``src`` that is installed so that it can be edited."""
    source = tmp_path / "src"
    source.mkdir()
    monkeypatch.syspath_prepend(source)
    program = code()
    (tmp_path / "orders.py").rename(source / "orders.py")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "v1")
    (source / "orders.py").write_text(UNPRICED)

    read = read_revision(program, "HEAD")["orders"].contracts["v1.Orders"].records["Order"]

    assert [field.name for field in read.fields] == ["order_id", "cents"]


def test_a_module_that_is_not_of_the_revision_is_refused(
    code: Code, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "orders.py").write_text(ORDERS)
    first = f"import sys; sys.path.append({str(elsewhere)!r})\n"
    first += ORDERS.replace("Orders", "First").replace("/orders", "/first")
    program = code(first)
    (tmp_path / "orders.py").rename(tmp_path / "first.py")
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "t"\nservices = ["first", "orders"]\n')
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "v1")

    with pytest.raises(RevisionUnreadable, match="'orders' is imported from .*elsewhere"):
        read_revision(program, "HEAD")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("class Orders(", "orders.py:1"),
        ("from outgrow import *\nprint('hello')\n", "no class marked @service"),
        ("import os; os._exit(7)", "cannot be read by this outgrow"),
    ],
)
def test_a_program_that_cannot_be_read_is_told_with_its_reason(
    code: Code, tmp_path: Path, source: str, said: str
) -> None:
    program = code()
    git(tmp_path, "init", "-q")
    (tmp_path / "orders.py").write_text(source)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "wrong")

    with pytest.raises(RevisionUnreadable, match=said) as caught:
        read_revision(program, "HEAD")

    assert "outgrow-" not in str(caught.value), "nobody knows the temporary folder"


@pytest.mark.parametrize("revision", ["v9", "", "--help", "HEAD~99", "HEAD:orders.py"])
def test_a_revision_that_is_not_there_is_told(commit, revision: str) -> None:
    program = commit("v1")

    with pytest.raises(RevisionUnreadable, match="--against takes a revision"):
        read_revision(program, revision)


def test_a_revision_without_the_topology_file_is_told(commit, tmp_path: Path) -> None:
    program = commit("v1")
    git(tmp_path, "rm", "-q", "--cached", "outgrow.toml")
    git(tmp_path, "commit", "-qm", "without")

    with pytest.raises(RevisionUnreadable, match=r"HEAD: it has no outgrow.toml"):
        read_revision(program, "HEAD")


def test_a_folder_that_is_no_repository_is_told(code: Code) -> None:
    with pytest.raises(RevisionUnreadable, match="not a git repository"):
        read_revision(code(), "HEAD")


def test_without_git_it_is_told(commit, monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> None:
    program = commit("v1")
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))

    with pytest.raises(RevisionUnreadable, match="git is not installed"):
        read_revision(program, "v1")
