"""Type hints as plain data."""

from datetime import datetime
from enum import Flag, StrEnum
from typing import Annotated, Any, Literal, Optional, TypeVar

import msgspec
import pytest
from annotated_types import Ge, Le, Len

from outgrow.contracts import (
    Choice,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    Record,
    RecordShape,
    Scalar,
    UnknownShape,
    compile_check,
    fields_of,
    read_shape,
)


class Colour(StrEnum):
    RED = "red"


class Flags(Flag):
    ONE = 1


T = TypeVar("T")


class Item(Record):
    name: str
    tags: list[str] = []
    parent: "Item | None" = None


TEXT = Scalar("str")


@pytest.mark.parametrize(
    ("hint", "shape"),
    [
        (bool, Scalar("bool")),
        (int, Scalar("int")),
        (float, Scalar("float")),
        (str, TEXT),
        (bytes, Scalar("bytes")),
        (datetime, Scalar("datetime")),
        (None, Nothing()),
        (type(None), Nothing()),
        (Colour, Choice(Colour)),
        (Item, RecordShape(Item)),
        (list[str], ListOf(TEXT)),
        (dict[str, Item], MapOf(RecordShape(Item))),
        (str | None, Maybe(TEXT)),
        (Optional[str], Maybe(TEXT)),  # noqa: UP045 - people write it
        (list[Item] | None, Maybe(ListOf(RecordShape(Item)))),
    ],
)
def test_a_hint_has_its_shape(hint: Any, shape: object) -> None:
    assert read_shape(hint) == shape


@pytest.mark.parametrize(
    "hint",
    [
        complex, object, int | str, int | str | None, dict[float, str], list[None], Flags, list,
        dict, Any, T, tuple, set, Literal["a", 1], Colour | str,
    ],
    ids=str,
)  # fmt: skip
def test_what_contracts_cannot_carry_is_refused_in_words(hint: Any) -> None:
    with pytest.raises(UnknownShape) as refused:
        read_shape(hint)

    assert str(refused.value)


def test_both_spellings_of_a_limit_mean_the_same() -> None:
    ours = read_shape(Annotated[int, Ge(1), Le(9)])
    theirs = read_shape(Annotated[int, msgspec.Meta(ge=1, le=9)])

    assert ours == theirs
    assert [str(limit) for limit in ours.limits] == ["at least 1", "at most 9"]


def test_a_shape_without_limits_has_no_check() -> None:
    for hint in (int, list[str], dict[str, int], str | None, Item, None, Colour):
        assert compile_check(read_shape(hint)) is None


def test_limits_are_found_at_every_depth() -> None:
    item = Annotated[str, Len(1, 2)]
    good: dict[Any, Any] = {list[item]: ["a"], dict[str, item]: {"k": "a"}, item | None: None}  # type: ignore[valid-type]
    for hint, value in good.items():
        check = compile_check(read_shape(hint))
        assert check is not None
        check(value)


def test_fields_know_what_must_be_given() -> None:
    name, tags, parent = fields_of(Item)

    assert name.is_required
    assert (tags.default, parent.default) == ([], None)
    assert parent.shape == Maybe(RecordShape(Item))
