"""What could be changed is copied, all the way down."""

from __future__ import annotations

import pytest

from outgrow.calls.copying import NotCarried, compile_copier
from outgrow.contracts import ListOf, Record, RecordShape, Scalar


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
