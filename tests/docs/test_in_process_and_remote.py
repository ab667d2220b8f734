"""What docs/explanation says is not the same in one process and over gRPC: pinned, here alone."""

import contextvars
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outgrow.errors import ArgumentsRefused, CallFailed
from outgrow.testing import World

ECHOES = """
import contextvars
from outgrow import Contract, query, service

OWN = contextvars.ContextVar("own", default="nothing")

class Echoes(Contract):
    @query()
    async def echo(self, number: int) -> int: ...
    @query()
    async def read_own(self) -> str: ...
    @query()
    async def fail(self) -> None: ...

@service
class EchoesService(Echoes):
    async def echo(self, number: int) -> int:
        return number
    async def read_own(self) -> str:
        return OWN.get()
    async def fail(self) -> None:
        raise KeyError("lost")
"""
TOPOLOGY = '[app]\nname = "echoing"\nservices = ["documented_echoes"]\n'


@pytest.fixture
def outgrow_file(tmp_path: Path) -> AsyncIterator[Path]:
    (tmp_path / "documented_echoes.py").write_text(ECHOES)
    (tmp_path / "outgrow.toml").write_text(TOPOLOGY)
    yield tmp_path / "outgrow.toml"
    sys.modules.pop("documented_echoes", None)
    sys.path.remove(str(tmp_path))


async def test_the_cause_of_a_failure_is_there_in_one_process_alone(world: World) -> None:
    with pytest.raises(CallFailed) as failure:
        await _client(world).fail()

    assert failure.value.error_type == "builtins.KeyError"
    assert isinstance(failure.value.__cause__, KeyError) == (world.name == "together")


async def test_types_are_checked_where_bytes_are_made(world: World) -> None:
    if world.name == "together":
        assert await _client(world).echo("seven") == "seven"
    else:
        with pytest.raises(ArgumentsRefused):
            await _client(world).echo("seven")


async def test_large_integers_are_carried_in_one_process_alone(world: World) -> None:
    if world.name == "together":
        assert await _client(world).echo(2**64) == 2**64
    else:
        with pytest.raises(ArgumentsRefused):
            await _client(world).echo(2**64)


async def test_context_variables_of_ones_own_stay_here(world: World) -> None:
    own: contextvars.ContextVar[str] = sys.modules["documented_echoes"].OWN
    own.set("mine")

    expected = "mine" if world.name == "together" else "nothing"
    assert await _client(world).read_own() == expected


def _client(world: World):
    return world.client(sys.modules["documented_echoes"].Echoes)
