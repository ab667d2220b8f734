"""
Where the worlds differ, each with its reason; whatever is not pinned here is the same in all.

The page docs/explanation/worlds.md tells the same to users.
"""

import os
from pathlib import Path

import pytest
from differing import shared
from differing.echoes.contract import Echoes
from differing.neighbour.contract import Neighbour
from parity.asking import until

from outgrow import using
from outgrow.calls.grpc import MESSAGE_BYTES_MAX
from outgrow.errors import ArgumentsRefused, CallFailed, ServiceUnreachable
from outgrow.testing import ApartWorld, World


@pytest.fixture
def outgrow_file() -> Path:
    return Path(__file__).with_name("outgrow.toml")


async def test_the_cause_of_a_failure_is_there_in_one_process_alone(world: World) -> None:
    """An exception of the callee's need not exist on the caller's side, nor survive pickling."""
    with pytest.raises(CallFailed) as failure:
        await world.client(Echoes).fail()

    assert failure.value.error_type == "builtins.KeyError"
    assert isinstance(failure.value.__cause__, KeyError) == (world.name == "together")


async def test_types_are_checked_where_bytes_are_made(world: World) -> None:
    """A check of every argument would cost more than the call; type checkers do it for nothing."""
    echoes = world.client(Echoes)
    if world.name == "together":
        assert await echoes.echo("seven") == "seven"  # type: ignore[arg-type,comparison-overlap]
    else:
        with pytest.raises(ArgumentsRefused):
            await echoes.echo("seven")  # type: ignore[arg-type]


async def test_integers_beyond_64_bits_are_carried_in_one_process_alone(world: World) -> None:
    """Protobuf has no larger ones."""
    if world.name == "together":
        assert await world.client(Echoes).echo(2**64) == 2**64
    else:
        with pytest.raises(ArgumentsRefused):
            await world.client(Echoes).echo(2**64)


async def test_a_message_has_a_limit_only_where_bytes_are_sent(world: World) -> None:
    """In one process a text is passed by reference, whatever its length."""
    text = "x" * (MESSAGE_BYTES_MAX + 1)
    if world.name == "together":
        assert await world.client(Echoes).count(text) == len(text)
    else:
        with pytest.raises(ArgumentsRefused):
            await world.client(Echoes).count(text)


async def test_a_reply_has_the_same_limit_only_where_bytes_are_sent(world: World) -> None:
    """By HTTP it is a 500 of the gateway then, and a 200 of the process that hosts the service."""
    length = MESSAGE_BYTES_MAX + 1
    if world.name == "together":
        assert len(await world.client(Echoes).write(length)) == length
    else:
        with pytest.raises(CallFailed, match="at most 4194304 are carried"):
            await world.client(Echoes).write(length)


async def test_context_variables_of_ones_own_stay_in_the_process(world: World) -> None:
    """Only outgrow's own context crosses; nobody knows how to write down yours."""
    shared.own.set("mine")

    expected = "mine" if world.name == "together" else "nothing"
    assert await world.client(Echoes).read_own() == expected


async def test_a_stream_is_ahead_of_its_reader_only_where_bytes_are_sent(world: World) -> None:
    """On a wire a few items are under way, or each would take as long as a call."""
    echoes = world.client(Echoes)

    async with echoes.give() as items:
        await anext(items)
        if world.name == "together":
            assert await echoes.get_given() == 1
        else:
            await until(lambda: _is_ahead(echoes))


async def _is_ahead(echoes: Echoes) -> bool:
    return await echoes.get_given() > 1


async def test_module_state_is_shared_by_the_services_of_one_process(world: World) -> None:
    """A split divides it: what services share, they share by calls and events."""
    said = await world.client(Neighbour).say("hello")

    assert said == ([] if world.name == "apart" else ["hello"])


async def test_services_of_several_processes_run_in_several(world: World) -> None:
    """So one can be busy, grow or die without the other, which is what a split is for."""
    pids = {await world.client(Echoes).get_pid(), await world.client(Neighbour).get_pid()}

    assert len(pids | {os.getpid()}) == (3 if world.name == "apart" else 1)


@pytest.mark.worlds("apart")
async def test_a_service_can_be_away_while_others_answer(world: ApartWorld) -> None:
    """In one process all are there or none; apart a caller can meet `ServiceUnreachable`."""
    world.kill("echoes")

    assert await world.client(Neighbour).get_pid()
    with pytest.raises(ServiceUnreachable):
        await using(world.client(Echoes), deadline=0.5).get_pid()
    await world.revive("echoes")
    assert await world.client(Echoes).echo(7) == 7
