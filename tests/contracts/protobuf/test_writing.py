"""The text of a `.proto`: it compiles, lints, and keeps its numbers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from annotated_types import MaxLen

from outgrow.contracts import (
    Contract,
    Record,
    command,
    query,
    read_contract,
    read_proto,
    write_proto,
)
from outgrow.contracts.descriptions import MessageNumbers, Numbers
from outgrow.errors import InvalidContract
from tests.calls.grpc.google import compile_proto, place
from tests.contracts.protobuf.everything import Museum

MODEL = read_contract(Museum)
TEXT = write_proto("shop", [MODEL], Numbers())
BUF = shutil.which("buf", path=f"{Path(sys.executable).parent}")
HERE = Path(__file__).parent
SHOPS = sorted((HERE.parents[2] / "examples/shop/contracts").glob("*.proto"))


def run_buf(verb: str, folder: Path) -> None:
    run = subprocess.run([BUF, verb, str(folder)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_contract_with_every_type_compiles_with_protoc():
    pool = compile_proto(TEXT)

    assert pool.FindServiceByName("shop.everything.v1.Museum").methods_by_name["GetThing"]


def test_it_compiles_and_lints_with_buf(tmp_path):
    place(tmp_path, {"everything.proto": TEXT, "buf.yaml": (HERE / "buf.yaml").read_text()})

    for verb in ("build", "lint"):
        run = subprocess.run(
            [BUF, verb, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("proto", SHOPS, ids=lambda path: path.name)
def test_the_shops_frozen_files_compile_and_lint(tmp_path, proto):
    text = proto.read_text()
    place(tmp_path, {proto.name: text, "buf.yaml": (HERE / "buf.yaml").read_text()})

    compile_proto(text)
    for verb in ("build", "lint"):
        run = subprocess.run(
            [BUF, verb, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_it_says_what_is_there():
    for line in (
        "// Keeps one of everything.",
        "  // Needs the permission things:read. Problems: everything.Lost.",
        "    option idempotency_level = NO_SIDE_EFFECTS;",
        '      get: "/things/{name}"',
        '      response_body: "value"',
        "// All of it.",
        "  // At least 1; less than 100.",
        "  optional int64 an_int = 2;",
        "  google.protobuf.Duration with_default = 41;",
        '  // Default: "PT300S".',
        "    oneof one_of {",
        "      Transfer bank_transfer = 2;",
        '  optional string street = 1 [json_name = "streetName"];',
        "  COLOUR_UNSPECIFIED = 0;",
        "  PagePageNode pages = 36;",
    ):
        assert f"\n{line}\n" in TEXT, line


class Belt(Contract):
    @query("GET /parts")
    def watch(self, kind: str) -> AsyncIterator[Part]: ...

    @command("POST /parts/{till}", repeat="unsafe")
    async def put(
        self, till: str, parts: AsyncIterator[Annotated[list[int], MaxLen(3)]]
    ) -> int: ...

    @query()
    def turn(self, of: AsyncIterator[Part]) -> AsyncIterator[list[str]]: ...


class Part(Record):
    name: str


def test_a_stream_is_one_to_protobuf_too():
    text = write_proto("shop", [read_contract(Belt)], Numbers())

    pool = compile_proto(text)
    service = pool.FindServiceByName(f"shop.{read_contract(Belt).service}.v1.Belt")
    assert [
        (name, one.client_streaming, one.server_streaming)
        for name, one in service.methods_by_name.items()
    ] == [("Watch", False, True), ("Put", True, False), ("Turn", True, True)]
    for line in (
        "  rpc Watch(WatchRequest) returns (stream WatchReply) {",
        '      body: "parts"',
        "  message PartsOptional {\n    // At most 3 long.\n    repeated int64 items = 1;\n  }",
        "  // One item of the stream, or none. The other fields are those of the first message.",
        "  Part of = 1;",
    ):
        assert f"\n{line}\n" in text, text
    assert write_proto("shop", [read_contract(Belt)], read_proto(text)) == text


def test_a_second_run_changes_nothing():
    assert write_proto("shop", [MODEL], Numbers()) == TEXT
    assert write_proto("shop", [MODEL], read_proto(TEXT)) == TEXT


class Before(Record):
    first: int
    second: str
    third: float


def text_of(fields: dict[str, type], numbers: Numbers) -> str:
    from tests.calls.grpc.test_every_type import mirror_of

    record = type(Record)("Thing", (Record,), {"__annotations__": fields, "__module__": __name__})
    return write_proto("shop", [mirror_of(record)[0]], numbers)


def test_what_is_removed_is_reserved_and_what_is_new_gets_the_next_number():
    first = text_of({"a": int, "b": str, "c": float}, Numbers())
    second = text_of({"d": bool, "c": float, "a": int}, read_proto(first))
    third = text_of({"b": int, "d": bool, "a": int}, read_proto(second))

    thing = second[second.index("message Thing") :]
    assert 'reserved 2;\n  reserved "b";' in thing
    assert "bool d = 4;" in thing
    assert "double c = 3;" in thing
    assert "int64 a = 1;" in thing
    thing = third[third.index("message Thing") :]
    assert 'reserved 2 to 3;\n  reserved "c";' in thing
    assert "int64 b = 5;" in thing
    compile_proto(third)


def test_a_removed_value_of_an_enumeration_is_reserved():
    known = read_proto(TEXT)
    known.messages["Colour"].taken["GREEN"] = 9
    text = write_proto("shop", [MODEL], known)

    assert 'enum Colour {\n  reserved 9;\n  reserved "COLOUR_GREEN";\n\n' in text
    assert read_proto(text).messages["Colour"] == MessageNumbers(
        {"RED": 1, "DARK_BLUE": 2}, {9}, {"GREEN"}
    )
    compile_proto(text)


def test_all_that_is_written_is_read():
    found = read_proto(TEXT).messages

    assert found["Everything.PaymentOneOf"].taken == {"card": 1, "bank_transfer": 2}
    assert found["Everything.BothOneOf2"].taken == {"card": 1, "bank_transfer": 2}
    assert found["Everything.CubeItem2"].taken == {"items": 1}
    assert found["Level"].taken == {"LOW": 1, "HIGH": 2}
    assert found["GetThingRequest"].taken == {"name": 1}
    assert found["PutThingReply"].taken == {}


def test_other_layouts_and_words_of_protobuf_are_read():
    text = """
    /* a { comment */ syntax = "proto3"; package a.b; option java_package = "x;}";
    message A { option deprecated = true; reserved 4, 7 to 9; reserved "x", 'y';
      message B { optional .a.b.A option = 3 [(my.rule).x = {a: "}"}, deprecated = true]; }
      map<string, A> m = 1; oneof reserved { string message = 2; B enum = 0x5; } ;
      enum E { option allow_alias = true; E_UNSPECIFIED = 0; E_x = 12; } }
    """.replace("0x5", "5")

    found = read_proto(text).messages

    assert found["A"] == MessageNumbers({"m": 1, "message": 2, "enum": 5}, {4, 7, 8, 9}, {"x", "y"})
    assert found["A.B"].taken == {"option": 3}
    assert found["A.E"].taken == {"x": 12}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("syntax = 'proto3';\n<<<<<<< HEAD\n", 2, "merge conflict"),
        ("message A {\n  int64 a = 1;\n=======\n}", 3, "merge conflict"),
        ("message A {\n  int64 a = 1;\n", 2, "too early"),
        ("message A {\n  int64 a = x;\n}", 2, "'x' is no number"),
        ("message A {\n  int64 a = 99999999999;\n}", 2, "no number"),
        ("message A {\n  int64 a = 0;\n}", 2, "a = 0"),
        ("message A {\n  int64 a = 1;\n  int64 b = 1;\n}", 3, "there already"),
        ("message A {\n  int64 a = 1;\n  int64 a = 2;\n}", 3, "there already"),
        ("message A {}\nmessage A {}", 2, "twice"),
        ("message A {\n  int64 a;\n}", 2, "no number"),
        ("message A {\n  int64 a = 1\n  int64 b = 2;\n}", 3, "';' is expected"),
        ("message A { reserved 1 to 536870911; }", 1, "too many"),
        ("message A { reserved 9 to 2; }", 1, "too many numbers, or none"),
        ("hello", 1, "'hello' is not expected"),
        ("message A {" * 3000, 1, "too deep"),
        ('message A { reserved "x; }', 1, "no number"),
        ("message = 4;", 1, "no name"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, line, what):
    with pytest.raises(InvalidContract) as caught:
        read_proto(text, "contracts/orders.proto")

    (finding,) = caught.value.findings
    assert finding.place == f"contracts/orders.proto:{line}"
    assert what in finding.message
    assert "outgrow contract freeze" in finding.remedy
