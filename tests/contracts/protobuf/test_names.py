"""Names and numbers that follow from a field alone, and names that protobuf cannot hold."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import read_proto
from outgrow.contracts.comparing import call_differences
from outgrow.contracts.descriptions import fingerprint_of
from outgrow.errors import InvalidContract
from tests.calls.grpc.google import compile_proto, place
from tests.contracts.changes.case import Side
from tests.contracts.changes.revisions import Revision, _load
from tests.contracts.protobuf.test_writing import BUF

SHOP = "class Shop(Contract):\n    @query()\n    async def put(self, {}) -> None: ...\n"
P_AND_Q = "class P(Record, tag='p'):\n    n: int\nclass Q(Record, tag='q'):\n    n: int\n"


def revision(parameters: str, before: Revision | None = None, *, types: str = "") -> Revision:
    """A service whose method ``put`` has *parameters*, frozen after *before*."""
    numbers = {} if before is None else {"shop.v1": read_proto(before.protos[1])}
    return _load(Side(source=types + SHOP.format(parameters)), "tried", "one", numbers)


def described(revision: Revision) -> Any:
    return revision.description.contracts["v1.Shop"]


def sent(caller: Revision, provider: Revision, *arguments: Any) -> dict[str, Any]:
    """What the method of *provider* is called with when *caller* gives *arguments* in order."""
    conversions = [
        Converters(Messages("tried", one.models, one.numbers)).of(one.methods["put"])
        for one in (caller, provider)
    ]
    received = conversions[1].decode_request(conversions[0].encode_request(*arguments))
    return dict(zip([p.name for p in provider.methods["put"].parameters], received, strict=True))


CAME_BACK = [
    ("x: tuple[int, str | None]", "x: tuple[int]", (1, "a")),
    ("x: list[list[int]]", "x: list[int | None]", [[1], [2, 3]]),
    ("x: list[int | None]", "x: list[list[int]]", [1, None]),
    ("x: list[int] | None", "x: int", [1, 2]),
    ("x: dict[str, list[int]]", "x: dict[str, int | None]", {"a": [1]}),
]


@pytest.mark.parametrize(("hint", "between", "value"), CAME_BACK)
def test_a_type_that_came_back_has_the_bytes_that_it_had(hint, between, value):
    first = revision(hint)
    second = revision(between, first)
    third = revision(hint, second)

    assert fingerprint_of(described(first)) == fingerprint_of(described(third))
    assert first.protos[1] == third.protos[1]
    assert sent(first, third, value) == {"x": value}
    compile_proto(third.protos[1])


def test_a_tuple_that_becomes_a_list_is_told_apart_by_its_type():
    first = revision("x: tuple[int, int]")
    second = revision("x: list[int]", first)

    assert fingerprint_of(described(first)) != fingerprint_of(described(second))
    assert call_differences(described(first), described(second))["put"]


def test_parameters_in_another_order_keep_the_messages_of_their_own():
    first = revision("item: list[int] | None, optional: list[int | None]")
    second = revision("optional: list[int | None], item: list[int] | None", first)

    assert fingerprint_of(described(first)) == fingerprint_of(described(second))
    assert sent(first, second, [1, 2], [3, 4]) == {"item": [1, 2], "optional": [3, 4]}


@pytest.mark.parametrize("hint", ["P | Q", "list[list[int]]", "dict[str, int]"])
def test_two_fields_that_need_the_same_message_are_refused(hint):
    with pytest.raises(InvalidContract) as caught:
        revision(f"foo: {hint}, Foo: {hint}", types=P_AND_Q)

    (finding,) = caught.value.findings
    assert finding.slug == "protobuf-name"
    assert "'foo'" in finding.message
    assert "'Foo'" in finding.message


def test_two_fields_that_only_look_alike_are_not():
    first = revision("foo: P | Q, Foo: int", types=P_AND_Q)

    compile_proto(first.protos[1])


def theirs(text: str, folder: Path) -> FileDescriptorProto:
    """What buf understands of *text*."""
    place(folder, {"shop.proto": text})
    command = [BUF, "build", "-o", "-#format=binpb", "--exclude-imports", "--path", "shop.proto"]
    run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    (found,) = [f for f in FileDescriptorSet.FromString(run.stdout).file if "shop" in f.name]
    return found


def meanings(message: Any, outer: str) -> dict[str, tuple[int, int, str]]:
    """What each field is, by its full name."""
    name = f"{outer}.{message.name}"
    found = {
        f"{name}.{f.name}": (f.number, f.type, f.type_name if f.type in (11, 14) else "")
        for f in message.field
    }
    for inner in message.nested_type:
        found |= meanings(inner, name)
    return found


RECORD = "class {}(Record):\n    n: int\n"
SHADOWED = {
    "a list in a list": (RECORD.format("XItem"), "x: list[list[XItem]]"),
    "a tuple": (RECORD.format("XTuple"), "x: tuple[XTuple, int]"),
    "an optional list": (RECORD.format("XOptional"), "x: list[XOptional] | None"),
    "a map": (RECORD.format("XValue"), "x: dict[str, list[XValue]]"),
    "an entry": (RECORD.format("XEntry"), "x: dict[str, XEntry]"),
    "a union": (P_AND_Q.replace("P(", "XOneOf("), "x: XOneOf | Q"),
    "a neighbour": (RECORD.format("XItem"), "x: list[list[int]], y: tuple[XItem, int]"),
    "a field": (RECORD.format("Thing"), "Thing: Thing, other: tuple[Thing, int]"),
    "google": ("", "google: datetime, other: tuple[datetime, int]"),
    "itself": (
        "class XItem(Record):\n    x: list[list[list[int]]]\n    me: tuple[XItem | None]\n",
        "x: XItem",
    ),
    "a request": (RECORD.format("PutRequestTuple"), "put_request: tuple[PutRequestTuple]"),
    "a package": (RECORD.format("tried"), "x: tried, y: list[list[tried]]"),
}


@pytest.mark.parametrize(("types", "parameters"), SHADOWED.values(), ids=SHADOWED)
def test_what_others_compile_is_what_runs(types, parameters, tmp_path):
    made = revision(parameters, types=types)
    compiled = theirs(made.protos[1], tmp_path)
    ours = FileDescriptorProto()
    pool = Messages("tried", made.models, made.numbers).public
    pool.FindFileByName("tried/shop/v1.proto").CopyToProto(ours)
    compile_proto(made.protos[1])

    found = [
        {k: v for m in file.message_type for k, v in meanings(m, file.package).items()}
        for file in (ours, compiled)
    ]
    assert found[0] == found[1]


def test_a_method_with_the_name_of_a_message_is_no_message(tmp_path):
    source = SHOP.format("x: int") + "    @query()\n    async def put_request(self) -> int: ...\n"
    made = _load(Side(source=source), "tried", "one", {})

    (service,) = theirs(made.protos[1], tmp_path).service
    assert service.method[0].input_type == ".tried.shop.v1.PutRequest"
    compile_proto(made.protos[1])


ENUM = "class {}(enum.Enum):\n    {} = 'q'\n"
CLASHES = {
    "zero of another": (
        ENUM.format("Kind", "RED_UNSPECIFIED") + ENUM.format("KindRed", "X"),
        "a: Kind, b: KindRed",
        ("KIND_RED_UNSPECIFIED", "Kind", "KindRed"),
    ),
    "value of another": (
        ENUM.format("Kind", "RED_X") + ENUM.format("KindRed", "X"),
        "a: Kind, b: KindRed",
        ("KIND_RED_X", "Kind", "KindRed"),
    ),
    "one prefix": (
        ENUM.format("HTTPKind", "A") + ENUM.format("Httpkind", "B"),
        "a: HTTPKind, b: Httpkind",
        ("HTTPKIND_UNSPECIFIED", "HTTPKind", "Httpkind"),
    ),
    "a record": (
        ENUM.format("Kind", "X") + RECORD.format("KIND_X"),
        "a: Kind, b: KIND_X",
        ("KIND_X", "Kind"),
    ),
    "underscores": (ENUM.format("K", "A_B = 'r'\n    A__B"), "a: K", ("'A_B'", "'A__B'")),
    "its own prefix": (ENUM.format("K", "K = 'r'\n    _"), "a: K", ("'K'", "'_'")),
    "its own zero": (ENUM.format("K", "UN_SPECIFIED = 'r'\n    _UNSPECIFIED"), "a: K", ("zero",)),
    "a field": ("", "XItem: int, x: list[list[int]]", ("'XItem'", "'x'")),
    "no name": ("", "_1: list[list[int]]", ("'1Item'", "'_1'")),
}


@pytest.mark.parametrize(("types", "parameters", "told"), CLASHES.values(), ids=CLASHES)
def test_what_no_compiler_would_take_is_refused(types, parameters, told):
    with pytest.raises(InvalidContract) as caught:
        revision(parameters, types=types)

    assert {finding.slug for finding in caught.value.findings} == {"protobuf-name"}
    for word in told:
        assert word in "\n".join(finding.message for finding in caught.value.findings)


def test_values_that_differ_by_more_than_underscores_are_taken():
    types = "class K(enum.Enum):\n    A_B = 'q'\n    AB_ = 'r'\n    A1 = 's'\n    A_2 = 't'\n"

    compile_proto(revision("a: K", types=types).protos[1])


@pytest.mark.parametrize(
    ("parameters", "right", "wrong"),
    [
        ("x: tuple[int, int]", "item_2 = 2;", "item_2 = 3;"),
        ("x: list[list[int]]", "items = 1;", "items = 2;"),
        ("x: list[int | None]", "value = 1;", "value = 4;"),
    ],
)
def test_numbers_that_follow_from_a_type_cannot_be_edited(parameters, right, wrong):
    text = revision(parameters).protos[1]
    assert text.count(right) == 1

    with pytest.raises(InvalidContract) as caught:
        read_proto(text.replace(right, wrong), "contracts/shop.proto")

    (finding,) = caught.value.findings
    line = text[: text.index(right)].count("\n") + 1
    assert finding.place == f"contracts/shop.proto:{line}"
    assert f"must be {right[:-1]}" in finding.message
