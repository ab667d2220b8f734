from __future__ import annotations

import sys
import types

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodOptions

from outgrow.calls.protobuf import Messages
from outgrow.contracts import read_contract
from outgrow.errors import InvalidContract
from tests.calls.grpc.workshop import Workshop

MODEL = read_contract(Workshop)
PACKAGE = "my_shop.workshop.v1"


@pytest.fixture(scope="module")
def messages() -> Messages:
    return Messages("my-shop", [MODEL])


def file_of(messages: Messages) -> FileDescriptorProto:
    file = FileDescriptorProto()
    messages.public.FindFileByName("my_shop/workshop/v1.proto").CopyToProto(file)
    return file


def read(source: str, name: str = "trial"):
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(source, module.__dict__)
    return read_contract(module.Trial)


def test_a_service_is_named_by_application_service_version_and_contract(messages):
    assert messages.services == (f"{PACKAGE}.Workshop",)
    assert messages.path(MODEL.methods["make"]) == f"/{PACKAGE}.Workshop/Make"
    assert messages.request(MODEL.methods["make"]).DESCRIPTOR.full_name == f"{PACKAGE}.MakeRequest"


def test_methods_tell_what_they_promise_about_repeats(messages):
    levels = {
        method.name: method.options.idempotency_level
        for method in file_of(messages).service[0].method
    }

    assert levels["Mirror"] == MethodOptions.NO_SIDE_EFFECTS
    assert levels["Make"] == MethodOptions.IDEMPOTENT
    assert levels["Forget"] == MethodOptions.IDEMPOTENCY_UNKNOWN


def test_fields_are_numbered_in_the_order_of_their_definition(messages):
    part = messages.public.FindMessageTypeByName(f"{PACKAGE}.Part")

    assert [(f.name, f.number) for f in part.fields][:3] == [("name", 1), ("count", 2), ("size", 3)]


def test_single_values_carry_presence(messages):
    part = messages.public.FindMessageTypeByName(f"{PACKAGE}.Part")

    assert all(field.has_presence for field in part.fields)


def test_others_see_a_dictionary_as_a_map(messages):
    everything = messages.public.FindMessageTypeByName(f"{PACKAGE}.Everything")

    entry = everything.fields_by_name["part_by_name"].message_type
    assert entry.GetOptions().map_entry
    assert entry.fields_by_name["value"].message_type.full_name == f"{PACKAGE}.Part"


def test_a_reply_is_wrapped_and_an_empty_one_has_no_field(messages):
    assert [f.name for f in messages.reply(MODEL.methods["make"]).DESCRIPTOR.fields] == ["value"]
    assert not messages.reply(MODEL.methods["forget"]).DESCRIPTOR.fields


def test_an_enumeration_has_a_zero_that_says_nothing(messages):
    values = messages.public.FindEnumTypeByName(f"{PACKAGE}.Colour").values

    assert [v.name for v in values] == ["COLOUR_UNSPECIFIED", "COLOUR_RED", "COLOUR_DARK_BLUE"]


def test_two_applications_keep_their_messages_apart():
    first, second = Messages("one", [MODEL]), Messages("two", [MODEL])

    assert first.request(MODEL.methods["make"]) is not second.request(MODEL.methods["make"])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("    @query()\n    async def größe(self) -> None: ...", "plain ASCII"),
        ("    @query()\n    async def get(self, straße: str) -> None: ...", "'straße'"),
        ("    @query()\n    async def get(self, HasField: str) -> None: ...", "'HasField'"),
        (
            (
                "    @query()\n    async def get_it(self) -> None: ...\n"
                "    @query()\n    async def getIt(self) -> None: ...\n"
                "    @query()\n    async def get(self, x: GetRequest) -> None: ..."
            ),
            "'GetRequest' names two things",
        ),
    ],
)
def test_names_that_protobuf_cannot_hold_are_refused_with_their_place(lines, said):
    model = read(
        "from outgrow.contracts import Contract, Record, query\n"
        "class GetRequest(Record):\n    x: int\n"
        f"class Trial(Contract):\n{lines}\n"
    )

    with pytest.raises(InvalidContract, match=said):
        Messages("shop", [model])


def test_all_findings_come_at_once():
    model = read(
        "from outgrow.contracts import Contract, query\n"
        "class Trial(Contract):\n"
        "    @query()\n    async def one(self, ä: str, ö: str) -> None: ...\n"
    )

    with pytest.raises(InvalidContract) as caught:
        Messages("shop", [model])

    assert len(caught.value.findings) >= 2


def test_contracts_of_one_service_share_its_records():
    source = (
        "from outgrow.contracts import Contract, Record, query\n"
        "class Thing(Record):\n    x: int\n    _x: int | None = None\n"
        "class Trial(Contract):\n    @query()\n    async def get(self) -> Thing: ...\n"
        "class Other(Contract):\n    @query()\n    async def find(self, x: Thing) -> None: ...\n"
    )
    first = read(source)
    second = read_contract(sys.modules["trial"].Other)

    assert Messages("shop", [first, second]).services == (
        "shop.trial.v1.Other",
        "shop.trial.v1.Trial",
    )
