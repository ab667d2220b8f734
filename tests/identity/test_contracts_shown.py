"""Reflection, and the comparison of contracts: for processes of the application alone."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from outgrow.calls.grpc.exchange import METHOD, SERVICE
from tests.identity.conftest import Town, name_of

STRANGERS = [{"application": "casino"}, {"environment": "prod"}]


async def _reflected(channel: grpc.aio.Channel) -> Any:
    async def ask() -> Any:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    return [answer async for answer in stub.ServerReflectionInfo(ask(), timeout=5)]


async def _compared(channel: grpc.aio.Channel) -> Any:
    return await channel.unary_unary(f"/{SERVICE}/{METHOD}")(b"{}", timeout=5)


def _channel(town: Town, address: str, **named: str) -> grpc.aio.Channel:
    _, papers = town.identity("gossiper", **named).papers()
    credentials = grpc.ssl_channel_credentials(papers.authorities, papers.key, papers.chain)
    options = [("grpc.ssl_target_name_override", name_of("back").dns)]
    return grpc.aio.secure_channel(address, credentials, options=options)


@pytest.mark.parametrize("ask", [_reflected, _compared])
@pytest.mark.parametrize("named", STRANGERS, ids=lambda named: next(iter(named)))
async def test_those_of_other_applications_and_environments_are_refused(
    town: Town, ask: Any, named: dict[str, str]
):
    address = await town.start()
    async with _channel(town, address, **named) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="another application or env") as caught:
            await ask(channel)

    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert town.guard.statistics()["refused"] == 1


async def test_processes_that_declare_nothing_are_answered(town: Town):
    address = await town.start()
    async with _channel(town, address) as channel:
        (answer,) = await _reflected(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _compared(channel)

    assert "grpc.health.v1.Health" in [s.name for s in answer.list_services_response.service]
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, "its body is none"
    assert town.guard.statistics()["refused"] == 0
