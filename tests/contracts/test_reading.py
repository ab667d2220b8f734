"""A contract is read once into a model that says everything about it."""

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from annotated_types import Ge

from outgrow.contracts import (
    Contract,
    Event,
    Field,
    ListOf,
    Maybe,
    Nothing,
    Problem,
    Record,
    RecordShape,
    Scalar,
    command,
    contracts_of,
    event_type,
    is_contract,
    query,
    read_contract,
)
from outgrow.errors import InvalidContract


class Receipt(Record):
    receipt_id: str


class Charged(Event, key="order_id"):
    """Money was taken."""

    order_id: str


class CardRefused(Problem, status="failed_precondition"):
    """The bank refused {order_id}."""

    order_id: str


class Payments(Contract):
    """Takes money and gives it back."""

    @command("POST /charges", allow="payments:write", raises=[CardRefused], deadline="2s")
    async def charge(self, order_id: str, cents: Annotated[int, Ge(1)] = 100) -> Receipt:
        """Take money."""

    @command(repeat="unsafe")
    async def shred(self) -> None: ...

    @query("GET /receipts/{receipt_id}")
    async def list_receipts(self, receipt_id: str) -> list[Receipt]: ...

    async def _helper(self) -> None: ...


class PaymentsV2(Contract, version=2):
    @query()
    async def total(self) -> int: ...


class Streams(Contract):
    @query("GET /receipts")
    def watch(self, since: int) -> AsyncIterator[Receipt]: ...

    @command("POST /receipts", repeat="unsafe")
    async def upload(self, till: str, receipts: AsyncIterator[Receipt]) -> int: ...

    @query()
    def chat(self, lines: AsyncIterator[list[str]]) -> AsyncIterator[Annotated[int, Ge(1)]]: ...


class Service(Payments, PaymentsV2):
    pass


def test_a_method_is_read_with_all_that_it_promises() -> None:
    charge = read_contract(Payments).methods["charge"]

    assert (charge.kind, charge.repeat, charge.is_keyed) == ("command", "idempotent", True)
    assert (charge.allow, charge.deadline_seconds, charge.doc) == (
        "payments:write",
        2.0,
        "Take money.",
    )
    assert [p.name for p in charge.parameters] == ["order_id", "cents"]
    assert [p.field.is_required for p in charge.parameters] == [True, False]
    assert charge.reply == RecordShape(Receipt)
    assert list(charge.problems.values()) == [CardRefused]
    assert charge.http is not None
    assert (charge.http.verb, charge.http.path) == ("POST", "/charges")
    assert "test_reading.py:" in charge.place


def test_what_is_promised_about_repeats_follows_from_the_words() -> None:
    methods = read_contract(Payments).methods

    assert (methods["shred"].repeat, methods["shred"].is_keyed) == ("unsafe", False)
    assert (methods["list_receipts"].repeat, methods["list_receipts"].is_keyed) == ("safe", False)
    assert methods["shred"].reply == Nothing()
    assert methods["list_receipts"].reply == ListOf(RecordShape(Receipt))
    assert list(methods) == ["charge", "shred", "list_receipts"]


def test_a_contract_knows_its_events_its_version_and_its_words() -> None:
    model = read_contract(Payments)

    assert [event.event for event in model.events] == [Charged]
    assert [event.type for event in model.events] == [event_type(Charged)]
    assert model.events[0].doc == "Money was taken."
    assert (model.version, read_contract(PaymentsV2).version) == (1, 2)
    assert model.doc == "Takes money and gives it back."
    assert model.wire_name("shop") == f"shop.{model.service}.v1.Payments"


def test_a_contract_is_read_once() -> None:
    assert read_contract(Payments) is read_contract(Payments)


def test_a_service_may_keep_several_contracts_and_is_none_itself() -> None:
    assert contracts_of(Service) == [Payments, PaymentsV2]
    assert not is_contract(Service)
    with pytest.raises(InvalidContract, match="Service is no contract"):
        read_contract(Service)


def test_a_parameter_keeps_its_limits() -> None:
    shape = read_contract(Payments).methods["charge"].parameters[1].shape

    assert isinstance(shape, Scalar)
    assert [str(limit) for limit in shape.limits] == ["at least 1"]


def test_a_stream_is_read_as_what_its_items_are() -> None:
    watch, upload, chat = read_contract(Streams).methods.values()

    assert [each.is_reply_stream for each in (watch, upload, chat)] == [True, False, True]
    assert [each.is_streaming for each in (watch, upload, chat)] == [True, True, True]
    assert (watch.reply, watch.reply_hint, watch.stream) == (RecordShape(Receipt), Receipt, None)
    assert upload.stream is upload.parameters[1]
    assert (upload.stream.shape, upload.stream.hint) == (RecordShape(Receipt), Receipt)
    assert upload.stream.field == Field("receipts", Maybe(RecordShape(Receipt)), None)
    assert chat.stream is not None
    assert chat.stream.shape == ListOf(Scalar("str"))
    assert isinstance(chat.reply, Scalar)
    assert [str(limit) for limit in chat.reply.limits] == ["at least 1"]
    assert not any(each.is_streaming for each in read_contract(Payments).methods.values())
