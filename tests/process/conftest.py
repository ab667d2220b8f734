"""Applications written into an empty folder, and stopped at the end."""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outgrow.errors import DefinitionError
from outgrow.process import Seat, Seating
from outgrow.process.checking import Checked
from tests.modules import forget_modules
from tests.process import town

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Write an application's modules and its outgrow.toml; forget the modules afterwards."""
    paths = list(sys.path)

    def write_application(*, more: str = "", **modules: str) -> Path:
        for name, source in modules.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))
        services = sorted({name.split("__")[0] for name in modules})
        text = f'[app]\nname = "tried"\nservices = {services!r}\n{more}'.replace("'", '"')
        (tmp_path / "outgrow.toml").write_text(text)
        return tmp_path / "outgrow.toml"

    yield write_application
    sys.path[:] = paths
    forget_modules(tmp_path)


@pytest.fixture
def seating() -> Iterator[Seating]:
    """Where the two processes of the bank are."""
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        seats = {
            "a": Seat(process="a", services=("desk",), calls=f"unix:{folder}/a.sock"),
            "b": Seat(process="b", services=("bank",), calls=f"unix:{folder}/b.sock"),
        }
        yield Seating(
            application="tried",
            topology="split",
            environment="test",
            broker="",
            gateway="a",
            seats=seats,
        )


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Checked]]:
    """Check the town of `tests.process.town` with something planted in it; errors are raised."""

    def checked(added: dict[str, str] | None = None) -> Checked:
        found = town.find(added)
        DefinitionError.raise_if_any(found.errors)
        return found

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield checked
    town.forget()
