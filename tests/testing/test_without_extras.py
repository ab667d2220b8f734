"""The plugin without its extras: it is loaded into every run of pytest, and must harm none."""

import os
import subprocess
import sys
from pathlib import Path

SERVICE = """
from outgrow import Contract, query, service
class Greeter(Contract):
    @query()
    async def greet(self) -> str: ...
@service
class GreeterService(Greeter):
    async def greet(self) -> str:
        return "hello"
"""
TESTS = """
def test_of_somebody_else():
    pass
async def test_greeting(world):
    from greeter import Greeter
    assert await world.client(Greeter).greet() == "hello"
"""
MISSING = "raise ModuleNotFoundError(__name__, name=__name__)\n"


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """What pytest says in *folder*."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.stdout + done.stderr


def test_without_pytest_asyncio_the_tests_of_others_run(tmp_path: Path) -> None:
    (tmp_path / "pytest_asyncio.py").write_text(MISSING)
    (tmp_path / "test_others.py").write_text("def test_of_somebody_else():\n    pass\n")

    said = run(tmp_path, "-p", "outgrow.testing.plugin", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    assert "1 passed" in said


def test_without_grpc_the_world_together_runs_and_the_others_name_what_they_need(
    tmp_path: Path,
) -> None:
    (tmp_path / "grpc.py").write_text(MISSING)
    (tmp_path / "greeter.py").write_text(SERVICE)
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "greeting"\nservices = ["greeter"]\n')
    (tmp_path / "test_greeter.py").write_text(TESTS)

    said = run(tmp_path)

    assert "2 passed, 2 errors" in said
    assert "calls between processes need the 'grpc' extra" in said
    assert "The wired world needs the 'grpc' extra: pip install 'outgrow[grpc]'." in said
