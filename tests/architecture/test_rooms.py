"""Every room says what it is, where it stands, what it uses and what it offers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import SOURCE, doors, plant

WORDS = ["Floor:", "Uses:", "Offers:"]


def violations(source: Path) -> Iterator[str]:
    for room, tree in doors(source).items():
        lines = (ast.get_docstring(tree) or "").splitlines()
        if not lines or not lines[0].endswith("."):
            yield f"{room}: its door does not begin with the room's sentence"
        said = [line.split(" ")[0] for line in lines if line.split(" ")[0] in WORDS]
        if said != WORDS:
            yield f"{room}: its door says {said}, and should say {WORDS} in this order"
        for node in tree.body[1:]:
            if not _is_door_like(node):
                yield f"{room}/__init__.py:{node.lineno}: a door holds imports and __all__ only"


def _is_door_like(node: ast.stmt) -> bool:
    is_names = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    return is_names or isinstance(node, ast.Import | ast.ImportFrom)


def test_every_room_has_its_sentence() -> None:
    found = list(violations(SOURCE))

    assert not found, "\n- ".join(["", *found])


def test_every_folder_is_a_room() -> None:
    folders = {path.parent for path in SOURCE.rglob("*.py")}

    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


DOOR = '"""\nKeeps.\n\nFloor: one.\nUses: two.\nOffers: three.\n"""\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOOR + "x = 1\n", "imports and __all__ only"),
        (DOOR + "try:\n    import grpc\nexcept ImportError:\n    pass\n", "imports and __all__"),
        (DOOR.replace("Keeps.", "Keeps"), "the room's sentence"),
        (DOOR.replace("Uses: two.\n", ""), "in this order"),
    ],
)
def test_a_door_that_says_too_little_or_does_too_much_is_found(
    tmp_path: Path, text: str, expected: str
) -> None:
    found = list(violations(plant(tmp_path, {"store/__init__.py": text})))

    assert len(found) == 1
    assert expected in found[0]


def test_a_good_door_is_left_alone(tmp_path: Path) -> None:
    text = DOOR + 'from outgrow.store.rows import Row\n\n__all__ = ["Row"]\n'

    assert not list(violations(plant(tmp_path, {"store/__init__.py": text})))
