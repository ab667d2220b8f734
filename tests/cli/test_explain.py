"""Every finding and every error has its explanation, and no explanation is left over."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import outgrow
from outgrow import errors
from outgrow.cli.explain import explanations
from outgrow.cli.printing import slug_of
from outgrow.errors import OutgrowError

SOURCE = Path(outgrow.__file__).parent
FINDING = re.compile(r"(?:.*\.)?_?find(?:er\(.*\))?|Finding")


def slugs(source: str) -> Iterator[str]:
    """Patterns of the slugs in *source*: the last argument of what makes a finding."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg == "slug"]
        makes_one = FINDING.fullmatch(ast.unparse(node.func))
        if makes_one and not node.keywords and len(node.args) >= 3:
            given = node.args[-1:]
        for value in given:
            if isinstance(value, ast.Constant) and re.fullmatch(r"[a-z-]+", str(value.value)):
                yield str(value.value)
            elif isinstance(value, ast.JoinedStr):
                parts = (getattr(part, "value", None) for part in value.values)
                yield "".join(p if isinstance(p, str) else "[a-z]+" for p in parts)


def found_in_code() -> set[str]:
    return {slug for path in SOURCE.rglob("*.py") for slug in slugs(path.read_text())}


def errors_by_slug() -> dict[str, type]:
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    return {slug_of(kind.__name__): kind for kind in kinds if issubclass(kind, OutgrowError)}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outgrow", "explain", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_every_finding_is_explained() -> None:
    known, found = explanations(), found_in_code()

    assert len(found) > 60
    assert [p for p in sorted(found) if not any(re.fullmatch(p, slug) for slug in known)] == []


def test_every_error_is_explained() -> None:
    assert sorted(errors_by_slug().keys() - explanations().keys()) == []


def test_no_explanation_is_left_over() -> None:
    found, kinds = found_in_code(), errors_by_slug()

    left = [s for s in explanations() if not any(re.fullmatch(p, s) for p in found)]
    assert [slug for slug in left if slug not in kinds] == []


def test_a_slug_that_is_made_in_any_way_is_seen() -> None:
    source = """
Finding(place=p, message=m, remedy=r, slug="first")
self._find(place, f"{x}", "", "second-one")
page.find(1, "text", "remedy", f"{kind}-name")
self._finder(section)("text", "remedy", "process-empty")
re.find("a", "b", other)
"""

    assert list(slugs(source)) == ["first", "second-one", "[a-z]+-name", "process-empty"]


def test_explanations_are_short_and_fit_a_terminal() -> None:
    for slug, text in explanations().items():
        lines = text.splitlines()
        assert lines, slug
        assert len(lines) <= 14, slug
        assert max(map(len, lines)) <= 96, slug


@pytest.mark.parametrize("name", ["store-in-use", "StoreInUse"])
def test_an_error_is_found_by_both_its_names(name: str) -> None:
    ended = run(name)

    assert ended.returncode == 0
    assert ended.stdout.startswith("store-in-use\n\nAnother process has the store open")


def test_several_are_explained_one_after_the_other() -> None:
    ended = run("duration", "app-name")

    assert [ended.stdout.index(f"{slug}\n\n") for slug in ("duration", "app-name")]
    assert ended.stdout.index("duration\n") < ended.stdout.index("app-name\n")


def test_a_name_that_is_none_brings_the_nearest_and_status_2() -> None:
    ended = run("setting-typ")

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "setting-typ: nothing is called so." in ended.stderr
    assert "Did you mean setting-type" in ended.stderr


def test_without_a_name_all_are_listed() -> None:
    known = explanations()

    assert [line.split()[0] for line in run().stdout.splitlines()[1:]] == list(known)
    assert [one["slug"] for one in json.loads(run("--json").stdout)] == list(known)


def test_what_is_refused_says_how_it_is_explained(tmp_path: Path) -> None:
    (tmp_path / "outgrow.toml").write_text('colour = 3\n[app]\nname = "Tried"\n')

    ended = subprocess.run(
        [sys.executable, "-m", "outgrow", "check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last == "More: outgrow explain unknown-key app-name"
    assert run(*last.split()[3:]).returncode == 0
