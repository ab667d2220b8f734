"""What is frozen is written once, read back, and not broken without a word."""

from __future__ import annotations

import msgspec
import pytest

from outgrow.errors import DefinitionError
from outgrow.process import Options, start_application
from outgrow.process.freezing import (
    compare_with_frozen,
    freeze,
    frozen_findings,
    read_frozen,
    unfrozen_files,
)
from tests.process.freezing.conftest import NOTED, ORDERS, UNPRICED, Code

SECOND = ORDERS + (
    "\nclass OrdersV2(Contract, version=2):\n"
    "    @query()\n    async def count(self) -> int: ...\n"
    "@service\nclass Second(OrdersV2):\n    async def count(self) -> int: ...\n"
)
FILES = ["orders.proto", "orders.json", "openapi.json", "asyncapi.json"]


def test_freezing_again_writes_nothing(code: Code) -> None:
    program = code()

    first = freeze(program)
    times = {name: (program.folder / name).stat().st_mtime_ns for name in FILES}
    second = freeze(code())

    assert (first.written, first.unchanged) == (FILES, [])
    assert (second.written, second.unchanged) == ([], FILES)
    assert times == {name: (program.folder / name).stat().st_mtime_ns for name in FILES}
    assert sorted(path.name for path in program.folder.iterdir()) == sorted(FILES)


def test_where_things_stand_is_not_frozen(code: Code) -> None:
    freeze(code())

    assert unfrozen_files(code("\n\n\n" + ORDERS)) == []


def test_a_text_that_changes_is_frozen_again_and_breaks_nobody(code: Code) -> None:
    freeze(code())
    program = code(ORDERS.replace("Order it.", "Order it now."))

    assert compare_with_frozen(program).changes == []
    assert unfrozen_files(program) == ["orders.proto", "orders.json", "openapi.json"]
    assert freeze(program).written == ["orders.proto", "orders.json", "openapi.json"]


def test_what_was_never_frozen_is_nothing_to_be_told(code: Code) -> None:
    program = code()

    assert read_frozen(program.plan.folder).services == {}
    assert unfrozen_files(program) == []
    assert compare_with_frozen(program).unknown == ["orders"]
    assert not program.folder.exists()


def test_a_new_field_gets_the_next_number_wherever_it_stands(code: Code) -> None:
    freeze(code())
    freeze(
        code(ORDERS.replace("    order_id: str\n", "    note: str = ''\n    order_id: str\n", 1))
    )

    (order,) = [
        contract.records["Order"]
        for contract in read_frozen(code().plan.folder).services["orders"].contracts.values()
    ]
    assert {f.name: f.number for f in order.fields} == {"order_id": 1, "cents": 2, "note": 3}


def test_the_number_of_a_field_that_was_removed_is_never_given_again(code: Code) -> None:
    freeze(code())
    freeze(code(UNPRICED), allow_breaking=True)
    program = code(
        UNPRICED.replace("    order_id: str\n", "    order_id: str\n    n: int = 0\n", 1)
    )
    freeze(program, allow_breaking=True)

    numbers = read_frozen(program.plan.folder).numbers["orders.v1"].messages["Order"]
    assert numbers.taken == {"order_id": 1, "n": 3}
    assert numbers.reserved == {2}
    assert "reserved 2;" in (program.folder / "orders.proto").read_text()


def test_a_change_that_breaks_is_frozen_only_by_name(code: Code) -> None:
    freeze(code())
    before = {name: (code().folder / name).read_bytes() for name in FILES}
    program = code(UNPRICED)

    refused = freeze(program)

    assert refused.is_refused
    assert refused.written == []
    assert "cents" in refused.comparison.breaking("consumers")[0].message
    assert before == {name: (program.folder / name).read_bytes() for name in FILES}
    assert not freeze(program, allow_breaking=True).is_refused
    assert unfrozen_files(program) == []
    assert not compare_with_frozen(program).breaks


def test_what_is_compatible_is_frozen_and_told(code: Code) -> None:
    freeze(code())

    frozen = freeze(code(NOTED))

    assert not frozen.is_refused
    assert "note" in frozen.comparison.changes[0].message
    assert "asyncapi.json" in frozen.unchanged


def test_the_files_of_a_service_that_is_gone_are_told_and_kept(code: Code) -> None:
    stock = ORDERS.replace("Orders", "Stock").replace("/orders", "/stock")
    freeze(code(stock=stock))
    program = code()

    assert compare_with_frozen(program).breaks
    frozen = freeze(program, allow_breaking=True)

    assert frozen.left == ["stock.json", "stock.proto"]
    assert (program.folder / "stock.proto").is_file()


def test_each_version_has_a_file_of_its_own(code: Code) -> None:
    assert freeze(code(SECOND)).written == ["orders.proto", "orders_v2.proto", *FILES[1:]]
    assert sorted(read_frozen(code(SECOND).plan.folder).numbers) == ["orders.v1", "orders.v2"]


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_a_service_with_the_name_of_a_document_cannot_be_frozen(code: Code, name: str) -> None:
    other = ORDERS.replace("Orders", "Other").replace("/orders", "/other")

    with pytest.raises(DefinitionError, match="cannot be frozen") as caught:
        freeze(code(**{name: other}))

    assert [finding.slug for finding in caught.value.findings] == ["frozen-name"]


def test_code_that_is_not_what_is_frozen_is_a_note(code: Code) -> None:
    freeze(code())
    assert frozen_findings(code()) == []

    (note,) = frozen_findings(code(NOTED))

    assert note.severity == "note"
    assert note.place.endswith("contracts/orders.proto")
    assert note.message == "what is frozen is not what the code says (and 2 more)."


def test_what_cannot_be_read_is_no_note(code: Code) -> None:
    program = code()
    freeze(program)
    (program.folder / "orders.json").write_text("{")

    (finding,) = frozen_findings(program)

    assert (finding.slug, finding.severity) == ("frozen-unreadable", "error")


@pytest.mark.parametrize("written", range(1, len(FILES)))
def test_freezing_that_was_cut_off_is_gone_on_with(code: Code, written: int) -> None:
    freeze(code())
    before = {name: (code().folder / name).read_bytes() for name in FILES}
    program = code(NOTED)
    freeze(program)
    whole = {name: (program.folder / name).read_bytes() for name in FILES}
    for name in FILES[written:]:
        (program.folder / name).write_bytes(before[name])
    (program.folder / ".orders.json.draft").write_bytes(b"{")

    assert set(freeze(program).written) == {n for n in FILES[written:] if whole[n] != before[n]}
    assert whole == {name: (program.folder / name).read_bytes() for name in FILES}


def test_a_folder_where_a_file_should_be_is_told(code: Code) -> None:
    program = code()
    (program.folder / "orders.json" / "in the way").mkdir(parents=True)

    with pytest.raises(DefinitionError) as caught:
        freeze(program)

    assert [finding.slug for finding in caught.value.findings] == ["frozen-unreadable"]


def test_a_folder_that_cannot_be_made_is_told(code: Code) -> None:
    program = code()
    program.folder.write_text("a file")

    with pytest.raises(DefinitionError, match="cannot be written") as caught:
        freeze(program)

    assert [finding.slug for finding in caught.value.findings] == ["frozen-unwritable"]


CONFLICT = b"<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> other\n"


def test_all_files_that_cannot_be_read_are_told_at_once(code: Code) -> None:
    program = code()
    freeze(program)
    folder = program.folder
    (folder / "a.json").write_bytes(b"{")
    (folder / "b.json").write_bytes(b'{"format": 99}')
    (folder / "c.json").write_bytes(b"{\n" + CONFLICT)
    (folder / "d.proto").write_bytes((folder / "orders.proto").read_bytes() + CONFLICT)
    (folder / "e.proto").write_bytes(b'syntax = "proto3";')
    (folder / "f.proto").write_bytes(
        b"package tried.orders.v1;\nmessage Order {\n  string x = y;\n"
    )
    (folder / "g.json").write_bytes(msgspec.json.encode({"service": "g", "contracts": {}}))
    (folder / "h.json").mkdir()

    with pytest.raises(DefinitionError) as caught:
        read_frozen(program.plan.folder)

    alone = [f.place[-7:] for f in caught.value.findings if f.slug == "frozen-incomplete"]
    assert sorted(alone) == ["/a.json", "/b.json", "/c.json", "/g.json", "d.proto", "e.proto"]
    others = [f for f in caught.value.findings if f.slug != "frozen-incomplete"]
    found = {finding.place.rpartition("/")[2]: finding for finding in others}
    lines = len((folder / "orders.proto").read_text().splitlines())
    assert set(found) - {"f.proto:3"} == {
        "a.json", "b.json", "c.json:2", f"d.proto:{lines + 1}", "e.proto", "g.json", "h.json",
    }  # fmt: skip
    assert "format 99" in found["b.json"].message
    assert "merge conflict" in found["c.json:2"].message
    assert all(finding.remedy for finding in found.values())


async def test_a_process_does_not_start_on_numbers_that_nobody_can_read(code: Code) -> None:
    program = code()
    freeze(program)
    (program.folder / "orders.proto").write_bytes(CONFLICT)

    with pytest.raises(DefinitionError, match="merge conflict"):
        async with start_application(program.plan, Options()):
            pass


@pytest.mark.parametrize(("lost", "kept"), [("json", "proto"), ("proto", "json")])
async def test_half_of_what_is_frozen_is_refused_by_everything(
    code: Code, lost: str, kept: str
) -> None:
    freeze(code())
    program = code(UNPRICED)
    (program.folder / f"orders.{lost}").unlink()
    before = {path.name: path.read_bytes() for path in program.folder.iterdir()}

    async def start() -> None:
        async with start_application(program.plan, Options(hosted=frozenset({"orders"}))):
            pass

    for attempt in (freeze, compare_with_frozen, unfrozen_files):
        with pytest.raises(DefinitionError) as caught:
            attempt(program)
    with pytest.raises(DefinitionError) as caught:
        await start()

    (finding,) = caught.value.findings
    assert finding == frozen_findings(program)[0]
    assert (finding.slug, finding.severity) == ("frozen-incomplete", "error")
    assert finding.place.endswith(f"contracts/orders.{kept}")
    assert finding.message.startswith(f"orders.{lost}, ")
    assert f"contracts/orders.{lost}. " in finding.remedy
    assert before == {path.name: path.read_bytes() for path in program.folder.iterdir()}


def test_a_version_whose_numbers_are_gone_is_told(code: Code) -> None:
    freeze(code(SECOND))
    program = code(SECOND)
    (program.folder / "orders_v2.proto").unlink()

    with pytest.raises(DefinitionError, match="orders_v2.proto, which stands beside") as caught:
        compare_with_frozen(program)

    assert [f.place.rpartition("/")[2] for f in caught.value.findings] == ["orders.json"]


@pytest.mark.parametrize("lost", ["proto", "json"])
def test_a_lost_file_is_told_beside_a_conflict_in_the_other(code: Code, lost: str) -> None:
    program = code()
    freeze(program)
    (program.folder / f"orders.{lost}").unlink()
    (kept,) = program.folder.glob("orders.*")
    kept.write_bytes(CONFLICT)

    slugs = [finding.slug for finding in frozen_findings(program)]

    assert slugs == ["frozen-conflict", "frozen-incomplete"]


@pytest.mark.parametrize(
    ("types", "parameters", "name"),
    [
        (
            "class Kind(enum.Enum):\n    RED_X = 'q'\nclass KindRed(enum.Enum):\n    X = 'x'\n",
            "a: Kind, b: KindRed",
            "KIND_RED_X",
        ),
        ("class Kind(enum.Enum):\n    A_B = 'q'\n    A__B = 'x'\n", "a: Kind", "A__B"),
        ("", "foo: list[list[int]], Foo: list[list[int]]", "FooItem"),
    ],
)
def test_what_no_compiler_of_protobuf_takes_is_neither_frozen_nor_compared(
    code: Code, types: str, parameters: str, name: str
) -> None:
    source = ORDERS.replace("import *\n", f"import *\nimport enum\n{types}")
    freeze(code())
    before = (code().folder / "orders.proto").read_bytes()
    program = code(source.replace("place(self, item: str)", f"place(self, {parameters})"))

    for refuses in (freeze, compare_with_frozen, unfrozen_files):
        with pytest.raises(DefinitionError, match=name) as caught:
            refuses(program)
        assert {finding.slug for finding in caught.value.findings} == {"protobuf-name"}
    assert (program.folder / "orders.proto").read_bytes() == before
