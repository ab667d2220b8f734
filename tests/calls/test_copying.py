"""What could be changed is copied, all the way down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from annotated_types import Ge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outgrow.calls.copying import NotCarried, compile_copier
from outgrow.contracts import ListOf, Misfit, Record, RecordShape, Scalar, read_shape
from tests.contracts.strategies import KINDS, records, values


class Leaf(Record):
    name: str


class Folder(Record):
    link: Link | None = None
    names: list[str] = []


class Link(Record):
    target: Folder | None = None


class Tree(Record):
    leaves: dict[str, Leaf] = {}
    children: list[Tree] = []


def test_what_cannot_be_changed_needs_no_copier() -> None:
    assert compile_copier(RecordShape(Leaf)) is None
    assert compile_copier(Scalar("str")) is None


@pytest.mark.parametrize("first", [Folder, Link])
def test_records_that_hold_each_other_share_no_list(first: type) -> None:
    compile_copier(RecordShape(first))
    copier = compile_copier(RecordShape(Folder))
    original = Folder(link=Link(target=Folder(names=["inner"])), names=["outer"])

    copied = copier(original)

    assert copied == original
    assert copied.names is not original.names
    assert copied.link.target.names is not original.link.target.names


def test_a_record_that_holds_itself_is_copied() -> None:
    original = Tree(children=[Tree(leaves={"a": Leaf(name="a")})])

    copied = compile_copier(RecordShape(Tree))(original)

    assert copied == original
    assert copied.children[0].leaves is not original.children[0].leaves
    assert copied.children[0].leaves["a"] is original.children[0].leaves["a"]


@pytest.mark.parametrize("value", ["ab", ("a",), {"a"}, None])
def test_what_is_no_list_is_refused(value: object) -> None:
    with pytest.raises(NotCarried, match="is no list"):
        compile_copier(ListOf(Scalar("str")))(value)


@dataclass(frozen=True)
class LeafData:
    name: str
    pair: tuple[int, frozenset[str]] = (0, frozenset())


@dataclass(frozen=True)
class FolderData:
    leaves: list[LeafData]
    kind: Literal["folder"] = "folder"


class Frozen(pydantic.BaseModel, frozen=True):
    name: str
    leaf: LeafData | None = None


class Loose(pydantic.BaseModel):
    count: Annotated[int, Ge(1)]
    called: str = pydantic.Field("", alias="nodeName")
    kind: Literal["loose"] = "loose"


class Plain(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (LeafData, LeafData("a")),
        (Frozen, Frozen(name="a", leaf=LeafData("b"))),
        (tuple[LeafData, ...], (LeafData("a"),)),
        (tuple[int, str], (1, "a")),
        (frozenset[Leaf], frozenset({Leaf(name="a")})),
        (tuple[int, ...] | None, None),
    ],
    ids=str,
)
def test_what_is_immutable_all_the_way_down_is_shared(hint: Any, value: Any) -> None:
    copier = compile_copier(read_shape(hint))

    assert copier is None or copier(value) is value


@pytest.mark.parametrize(
    ("hint", "value", "part"),
    [
        (set[int], {1}, lambda value: value),
        (tuple[list[int], int], ([1], 2), lambda value: value[0]),
        (tuple[list[int], ...], ([1],), lambda value: value[0]),
        (dict[int, set[int]], {1: {2}}, lambda value: value[1]),
        (FolderData, FolderData([LeafData("a")]), lambda value: value.leaves),
        (Loose, Loose(count=1, nodeName="n"), lambda value: value),
        (list[Loose], [Loose(count=1)], lambda value: value[0]),
        (Plain, Plain("a"), lambda value: value),
        (FolderData | Loose, Loose(count=2), lambda value: value),
        (list[FolderData | Loose], [FolderData([])], lambda value: value[0].leaves),
    ],
    ids=lambda value: None if callable(value) and not isinstance(value, type) else str(value),
)
def test_what_can_be_changed_is_rebuilt(hint: Any, value: Any, part: Any) -> None:
    copied = compile_copier(read_shape(hint))(value)

    assert copied == value
    assert type(copied) is type(value)
    assert part(copied) is not part(value)


def test_a_model_that_breaks_its_own_rules_by_now_is_refused() -> None:
    value = Loose(count=1)
    value.count = 0

    with pytest.raises(Misfit, match=r"greater than or equal to 1 - at `\$.count`"):
        compile_copier(RecordShape(Loose))(value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (tuple[int, ...], [1]),
        (tuple[int, str], [1, "a"]),
        (tuple[list[int], str], ([1],)),
        (frozenset[int], {1}),
        (set[int], frozenset({1})),
        (set[int] | None, [1]),
        (FolderData, Leaf(name="a")),
        (FolderData | Loose, Leaf(name="a")),
    ],
    ids=str,
)
def test_what_is_another_thing_than_its_type_says_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises(NotCarried):
        compile_copier(read_shape(hint))(value)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
def test_a_copy_equals_its_original(kind: str, data: st.DataObject) -> None:
    cls = data.draw(records(kind))
    value = data.draw(values(RecordShape(cls)))
    copier = compile_copier(RecordShape(cls))

    assert copier is None or copier(value) == value


class WiderFolder(Folder):
    more: int = 0


@dataclass(frozen=True)
class WiderFolderData(FolderData):
    more: int = 0


class Basket(pydantic.BaseModel):
    size: int = 0


class WiderBasket(Basket):
    more: int = 0


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (Folder, WiderFolder()),
        (FolderData, WiderFolderData(leaves=[])),
        (Basket, WiderBasket()),
    ],
)
def test_a_subclass_is_refused_as_a_wire_refuses_it(record: type, value: object) -> None:
    copier = compile_copier(ListOf(read_shape(record)))

    with pytest.raises(NotCarried, match=f"a {type(value).__name__} has .* a {record.__name__}$"):
        copier([value])
    with pytest.raises(NotCarried, match=f"a int is no {record.__name__}"):
        copier([1])


def test_a_record_that_was_made_without_its_fields_is_told() -> None:
    with pytest.raises(NotCarried, match="a Basket is not whole: .*size"):
        compile_copier(read_shape(Basket))(object.__new__(Basket))
