"""``outgrow new``: a program that is right as it is written, and whose own tests pass."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, SOURCE


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture
def library(tmp_path: Path) -> Path:
    ended = run(tmp_path, "outgrow", "new", "library")
    assert ended.returncode == 0, ended.stderr
    return tmp_path / "library"


def test_it_is_written_with_its_name_everywhere(library: Path) -> None:
    files = sorted(path for path in library.rglob("*") if path.is_file())

    assert len(files) == 15
    assert (library / ".gitignore") in files
    assert (library / "library" / "catalog" / "migrations" / "0001_books.sql") in files
    for path in files:
        assert path.suffix != ".txt"
        assert "app_name" not in path.read_text()
    assert len((library / "README.md").read_text().splitlines()) <= 25


def test_it_is_right_as_it_is(library: Path) -> None:
    ended = run(library, "outgrow", "check")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(
        "ok: 2 services, 2 contracts, 4 methods, 1 event, 1 handler, 1 t"
    )


@pytest.mark.timeout(120)
def test_its_own_tests_pass_in_every_world(library: Path) -> None:
    # Plugins of ours that its user need not have are left out.
    ended = run(library, "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")

    assert ended.returncode == 0, ended.stdout
    assert " passed in " in ended.stdout.splitlines()[-1]


@pytest.mark.long
def test_its_code_has_types_and_form(library: Path) -> None:
    select = "--select=E,F,I,UP,B,RUF,ANN,D,N"
    ignore = "--ignore=D102,D103,D203,D213"
    form = ["--isolated", "--line-length=100", "--target-version=py311"]

    looked = run(library, "ruff", "check", *form, select, ignore, "--no-cache", ".")
    formatted = run(library, "ruff", "format", "--check", *form, "--no-cache", ".")
    typed = run(library, "mypy", "--strict", "--cache-dir", str(library / ".mypy"), "library")

    assert looked.returncode == 0, looked.stdout
    assert formatted.returncode == 0, formatted.stdout
    assert typed.returncode == 0, typed.stdout


@pytest.mark.parametrize(
    "name", ["My-Shop", "1st", "class", "json", "outgrow", "tests", "catalog", "a" * 64, ""]
)
def test_a_name_that_none_can_have_is_refused(tmp_path: Path, name: str) -> None:
    ended = run(tmp_path, "outgrow", "new", name)

    assert ended.returncode == 2
    assert f"{name!r}: " in ended.stderr
    assert ended.stderr.endswith("More: outgrow explain new-name\n")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "file").touch()

    into_folder = run(tmp_path, "outgrow", "new", "library", "--folder", "mine")
    into_file = run(tmp_path, "outgrow", "new", "library", "--folder", "file")

    assert (into_folder.returncode, into_file.returncode) == (2, 2)
    assert "mine: the folder is not empty." in into_folder.stderr
    assert "file: it is a file." in into_file.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_an_empty_folder_of_another_name_may_be_taken(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()

    answer = json.loads(run(tmp_path, "outgrow", "new", "zoo", "--folder", "here", "--json").stdout)

    assert answer["folder"] == "here"
    assert "zoo/loans/service.py" in answer["files"]
    assert (tmp_path / "here" / "zoo" / "loans" / "service.py").is_file()


def test_what_is_installed_has_the_templates_and_the_explanations(tmp_path: Path) -> None:
    builder = Path(sysconfig.get_path("scripts"), "uv")
    ended = subprocess.run(
        [builder, "build", "--wheel", "--no-build-isolation", "--out-dir", tmp_path, ROOT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    data = [path for path in SOURCE.rglob("*") if path.suffix in {".txt", ".md"}]
    assert len(data) > 15
    assert not {f"outgrow/{path.relative_to(SOURCE).as_posix()}" for path in data} - names
