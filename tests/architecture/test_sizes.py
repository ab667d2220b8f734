"""Functions, classes, files and rooms stay small enough to be read at one sitting."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import SOURCE, files, plant

FUNCTION_LINES, CLASS_LINES, FILE_LINES = 60, 300, 500
ROOM_FILES, SEAM_METHODS, ARGUMENTS = 12, 5, 7
OPTIONS = 9  # of a command: who types them gives them by name
NAMES_NOBODY_FINDS = {"utils", "helpers", "common", "core", "base", "types", "manager"}

EXCEPTIONS: dict[str, str] = {
    # "room/file.py": "why it is longer than a file may be"; functions have none.
    "errors.py": "the one tree of all that can fail, which a page is made of",
}


def violations(source: Path) -> Iterator[str]:
    yield from _rooms(source)
    for here, tree in files(source):
        length = len((source / here).read_text().splitlines())
        if length > FILE_LINES and not EXCEPTIONS.get(here):
            yield f"{here}: {length} lines; a file has at most {FILE_LINES}"
        if Path(here).stem in NAMES_NOBODY_FINDS:
            yield f"{here}: nobody can tell from the name what is in it"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _function(here, node)
            elif isinstance(node, ast.ClassDef):
                yield from _class(here, node)


def _rooms(source: Path) -> Iterator[str]:
    rooms = Counter(
        Path(here).parent.as_posix()
        for here, _ in files(source)
        if not here.endswith("__init__.py")
    )
    for room, count in rooms.items():
        if count > ROOM_FILES:
            yield f"{room}: {count} files beside the door; a room has at most {ROOM_FILES}"


def _function(here: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    where = f"{here}:{node.lineno} {node.name}"
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    length = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
    if length > FUNCTION_LINES:
        yield f"{where}: {length} lines; a function has at most {FUNCTION_LINES}"
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    count = len([name for name in names if name not in {"self", "cls"}])
    most = OPTIONS if here.startswith("cli/") else ARGUMENTS
    if count > most:
        yield f"{where}: {count} arguments; a function has at most {most}"


def _class(here: str, node: ast.ClassDef) -> Iterator[str]:
    where = f"{here}:{node.lineno} {node.name}"
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if length > CLASS_LINES:
        yield f"{where}: {length} lines; a class has at most {CLASS_LINES}"
    if any("Protocol" in ast.unparse(base) for base in node.bases):
        count = sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in node.body)
        if count > SEAM_METHODS:
            yield f"{where}: {count} methods; a seam has at most {SEAM_METHODS}"


def test_everything_is_small_enough_to_read() -> None:
    found = list(violations(SOURCE))

    assert not found, "\n- ".join(["", *found])


def test_an_exception_is_still_needed_and_has_a_reason() -> None:
    for here, reason in EXCEPTIONS.items():
        assert reason
        assert len((SOURCE / here).read_text().splitlines()) > FILE_LINES, here


@pytest.mark.parametrize(
    ("here", "text", "expected"),
    [
        ("a.py", "def f():\n" + "    x = 1\n" * 61, "61 lines; a function"),
        ("a.py", "class C:\n" + "    x = 1\n" * 300, "301 lines; a class"),
        ("a.py", "x = 1\n" * 501, "501 lines; a file"),
        ("a.py", "def f(a, b, c, d, e, *, g, h, i): ...\n", "8 arguments"),
        ("a.py", "class C(Protocol):\n" + "    def f(self): ...\n" * 6, "6 methods; a seam"),
        ("store/utils.py", "", "nobody can tell"),
    ],
)
def test_what_is_too_large_is_found(tmp_path: Path, here: str, text: str, expected: str) -> None:
    found = list(violations(plant(tmp_path, {here: text})))

    assert len(found) == 1
    assert expected in found[0]


def test_a_room_with_too_many_files_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {f"store/file_{n}.py": "" for n in range(13)})

    assert any("13 files" in found for found in violations(tmp_path))


def test_a_docstring_and_the_receiver_do_not_count(tmp_path: Path) -> None:
    text = '    """\n' + "    words\n" * 80 + '    """\n'
    plant(tmp_path, {"a.py": f"def f(self, a, b, c, d, e, g, h):\n{text}    return 1\n"})

    assert not list(violations(tmp_path))
