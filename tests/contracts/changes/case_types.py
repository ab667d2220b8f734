"""Types of values: scalars, limits, None, collections, literals, enumerations and unions."""

from __future__ import annotations

from tests.contracts.changes import reasons as why
from tests.contracts.changes.case import Case, Says, Side, both, giving, taking

HTTP = '"POST /things"'


def take(hint: str, value: str, types: str = "", how: str = "") -> Side:
    return taking(f"value: {hint}", f"put(value={value})", types=types, how=how, is_query=True)


def give(hint: str, value: str, types: str = "", how: str = "") -> Side:
    return giving(hint, value, types=types, how=how)


SCALARS = [
    Says("parameter-type-changed", "str to int", "bb-", "none", "breaks").case(
        take("str", "'a'"), take("int", "1")
    ),
    Says("parameter-type-changed", "int to float", "bb-", "none", "breaks").case(
        take("int", "1"), take("float", "1.5")
    ),
    Says("parameter-type-changed", "str to bytes", "bb-", "none", "breaks").case(
        take("str", "'a'", how=HTTP), take("bytes", "b'\\xff'", how=HTTP)
    ),
    Says("parameter-type-changed", "datetime to str", "bb-", "none", "breaks").case(
        take("datetime", "datetime.fromisoformat('2024-05-17T00:00:00Z')"), take("str", "'a'")
    ),
    *both(
        take("str", "'a'"),
        take("UUID", "UUID(int=7)"),
        Says("parameter-type-narrowed", "str to UUID", "bs-", "consumers", "safe", why.TEXT),
        Says("parameter-type-widened", "UUID to str", "sb-", "provider", "safe", why.TEXT),
    ),
    *both(
        give("str", "'a'"),
        give("Decimal", "Decimal('1.50')"),
        Says("reply-type-narrowed", "str to Decimal", "sb-", "provider", "safe", why.TEXT),
        Says("reply-type-widened", "Decimal to str", "bs-", "consumers", "safe", why.TEXT),
    ),
    *both(
        giving("None", "None"),
        giving("str", "'a'"),
        Says("reply-added", "where nothing was", "sb-", "provider", "safe", why.REQUIRED),
        Says("reply-removed", "of a query", "bs-", "consumers", "safe", why.REQUIRED),
    ),
    Says("reply-removed", "of a command", "bsb", "none", "safe", why.REQUIRED).case(
        giving("str", "'a'", is_query=False), giving("None", "None", is_query=False)
    ),
    Says("reply-type-changed", "str to int, of a command", "bbb", "none", "breaks").case(
        giving("str", "'a'", is_query=False), giving("int", "1", is_query=False)
    ),
]

LIMITS = [
    *both(
        take("Annotated[int, Le(5)]", "5"),
        take("Annotated[int, Le(3)]", "3"),
        Says("limit-tightened", "in a request", "bs-", "consumers", "safe", why.LIMITS),
        Says("limit-loosened", "in a request", "sb-", "provider", "safe", why.LIMITS),
    ),
    *both(
        give("Annotated[int, Le(3)]", "3"),
        give("Annotated[int, Le(5)]", "5"),
        Says("limit-loosened", "in a reply", "bs-", "consumers", "safe", why.LIMITS),
        Says("limit-tightened", "in a reply", "sb-", "provider", "safe", why.LIMITS),
    ),
    *both(
        take("Annotated[Decimal, Pydantic(decimal_places=2)]", "Decimal('1.55')"),
        take("Annotated[Decimal, Pydantic(decimal_places=1)]", "Decimal('1.5')"),
        Says("limit-tightened", "places of a decimal", "bs-", "consumers", "safe", why.LIMITS),
        Says("limit-loosened", "places of a decimal", "sb-", "provider", "safe", why.LIMITS),
    ),
    Says("limit-tightened", "digits of a decimal", "bs-", "consumers", "safe", why.LIMITS).case(
        take("Annotated[Decimal, Pydantic(max_digits=3)]", "Decimal('1.55')"),
        take("Annotated[Decimal, Pydantic(max_digits=2)]", "Decimal('1.5')"),
    ),
    Says("limit-changed", "up on both sides", "bb-", "none", "safe", why.LIMITS).case(
        take("Annotated[int, Ge(1), Le(3)]", "1"), take("Annotated[int, Ge(2), Le(5)]", "5")
    ),
    Says("parameter-type-respelled", "a limit in other words", "ss-", "any", "safe").case(
        take("Annotated[int, Ge(1)]", "1"),
        take("Annotated[int, Ge(1), Gt(0)]", "1"),
    ),
    Says("limit-tightened", "in a command that waits", "bsb", "none", "safe", why.LIMITS).case(
        taking("value: Annotated[str, MaxLen(5)]", "put(value='abcde')"),
        taking("value: Annotated[str, MaxLen(3)]", "put(value='abc')"),
    ),
]

NONE = [
    *both(
        take("str", "'a'"),
        take("str | None", "None"),
        Says("none-allowed", "in a request", "sb-", "provider", "safe", why.REQUIRED),
        Says("none-refused", "in a request", "bs-", "consumers", "safe", why.REQUIRED),
    ),
    *both(
        give("str", "'a'", how='"GET /text"'),
        give("str | None", "None", how='"GET /text"'),
        Says("none-allowed", "in a reply", "bs-", "consumers", "safe", why.REQUIRED),
        Says("none-refused", "in a reply", "sb-", "provider", "safe", why.REQUIRED),
    ),
    Says("parameter-type-changed", "a list that may be None", "bb-", "none", "breaks").case(
        take("list[str]", "['a']"), take("list[str] | None", "['a']")
    ),
]

COLLECTIONS = [
    *both(
        take("list[str]", "['a', 'a']"),
        take("set[str]", "{'a'}"),
        Says("parameter-type-narrowed", "list to set", "bs-", "consumers", "safe", why.COLLECTIONS),
        Says("parameter-type-widened", "set to list", "sb-", "provider", "safe", why.COLLECTIONS),
    ),
    Says("parameter-type-respelled", "set to frozenset", "ss-", "any", "safe").case(
        take("set[str]", "{'a'}"), take("frozenset[str]", "frozenset({'a'})")
    ),
    Says("parameter-type-changed", "list to a tuple of two", "bb-", "none", "breaks").case(
        take("list[int]", "[1, 2]"), take("tuple[int, int]", "(1, 2)")
    ),
    Says("parameter-type-changed", "the values of a dictionary", "bb-", "none", "breaks").case(
        take("dict[str, int]", "{'a': 1}"), take("dict[str, str]", "{'a': 'b'}")
    ),
    *both(
        take("Literal['a']", "'a'"),
        take("Literal['a', 'b']", "'b'"),
        Says("literal-value-added", "in a request", "sb-", "provider", "safe", why.CLOSED),
        Says("literal-value-removed", "in a request", "bs-", "consumers", "safe", why.CLOSED),
    ),
    *both(
        take("Literal['a']", "'a'"),
        take("str", "'b'"),
        Says("parameter-type-widened", "a literal to str", "sb-", "provider", "safe", why.CLOSED),
        Says("parameter-type-narrowed", "str to a literal", "bs-", "consumers", "safe", why.CLOSED),
    ),
]

SIZE = "class Size(enum.Enum):\n    S = 's'\n"
SIZES = SIZE + "    L = 'l'\n"
SIZES_EXCHANGED = "class Size(enum.Enum):\n    S = 'l'\n    L = 's'\n"
CRATE = "class Crate(Record):\n    by: dict[Size, int]\n"

ENUMS = [
    *both(
        take("Size", "Size.S", SIZE),
        take("Size", "Size.L", SIZES),
        Says("enum-value-added", "in a request", "sb-", "provider", "safe", why.CLOSED),
        Says("enum-value-removed", "in a request", "bs-", "consumers", "safe", why.CLOSED),
    ),
    *both(
        give("Size", "Size.S", SIZE),
        give("Size", "Size.L", SIZES),
        Says("enum-value-added", "in a reply", "bs-", "consumers", "safe", why.CLOSED),
        Says("enum-value-removed", "in a reply", "sb-", "provider", "safe", why.CLOSED),
    ),
    Says("enum-value-renamed", "in a request", "bb-", "none", "safe", why.CLOSED).case(
        take("Size", "Size.S", SIZE), take("Size", "Size.SMALL", SIZE.replace("S =", "SMALL ="))
    ),
    Says("enum-value-changed", "its JSON, between services", "ss-", "any", "safe").case(
        take("Size", "Size.S.value and Size.S", SIZE),
        take("Size", "Size.S", SIZE.replace("'s'", "'small'")),
    ),
    Says("enum-value-changed", "its JSON, over HTTP", "bb-", "none", "safe", why.VALUES).case(
        take("Size", "Size.S", SIZE, HTTP),
        take("Size", "Size.S", SIZE.replace("'s'", "'small'"), HTTP),
    ),
    Says("enum-value-changed", "of a dictionary's key", "bb-", "none", "safe", why.VALUES).case(
        take("dict[Size, int]", "{Size.S: 1}", SIZE),
        take("dict[Size, int]", "{Size.S: 1}", SIZE.replace("'s'", "'small'")),
    ),
    Says(
        "enum-value-changed enum-value-changed",
        "two of a dictionary's key, exchanged",
        "bb-",
        "none",
        "safe",
        why.VALUES,
    ).case(
        take("Crate", "Crate(by={Size.S: 1})", SIZES + CRATE),
        take("Crate", "Crate(by={Size.S: 1})", SIZES_EXCHANGED + CRATE),
    ),
    Says("enum-value-renamed", "of a dictionary's key", "ss-", "any", "safe").case(
        take("dict[Size, int]", "{Size.S: 1}", SIZE),
        take("dict[Size, int]", "{Size.SMALL: 1}", SIZE.replace("S =", "SMALL =")),
    ),
    Says("enum-value-changed", "of a key and beside it", "bb-", "none", "safe", why.VALUES).case(
        take("dict[Size, Size]", "{Size.S: Size.S}", SIZE),
        take("dict[Size, Size]", "{Size.S: Size.S}", SIZE.replace("'s'", "'small'")),
    ),
    *both(
        take("dict[Size, int]", "{Size.S: 1}", SIZE),
        take("dict[Size, int]", "{Size.L: 1}", SIZES),
        Says("enum-value-added", "of a dictionary's key", "sb-", "provider", "safe", why.CLOSED),
        Says("enum-value-removed", "of a dictionary's key", "bs-", "consumers", "safe", why.CLOSED),
    ),
    *both(
        take("dict[Literal['a', 'b'], int]", "{'b': 1}"),
        take("dict[str, int]", "{'c': 1}"),
        Says(
            "parameter-type-widened", "a literal key to str", "sb-", "provider", "safe", why.CLOSED
        ),
        Says(
            "parameter-type-narrowed",
            "a str key to a literal",
            "bs-",
            "consumers",
            "safe",
            why.CLOSED,
        ),
    ),
    *both(
        take("dict[Size, int]", "{Size.S: 1}", SIZE),
        take("dict[str, int]", "{'c': 1}"),
        Says(
            "parameter-type-widened",
            "an enumeration's key to str",
            "sb-",
            "provider",
            "safe",
            why.CLOSED,
        ),
        Says(
            "parameter-type-narrowed",
            "a str key to an enumeration",
            "bs-",
            "consumers",
            "safe",
            why.CLOSED,
        ),
    ),
    Says(
        "enum-value-number-changed enum-value-number-changed",
        "by hand, of a dictionary's key",
        "ss-",
        "any",
        "safe",
    ).case(
        take("dict[Size, int]", "{Size.L: 1}", SIZES),
        Side(
            source=take("dict[Size, int]", "", SIZES).source,
            calls=("put(value={Size.L: 1})",),
            numbers={"Size": {"S": 2, "L": 1}},
        ),
    ),
    Says(
        "enum-value-number-changed enum-value-number-changed",
        "by hand, in the .proto",
        "bb-",
        "none",
        "breaks",
    ).case(
        take("Size", "Size.L", SIZES),
        Side(
            source=take("Size", "", SIZES).source,
            calls=("put(value=Size.L)",),
            numbers={"Size": {"S": 2, "L": 1}},
        ),
    ),
]

CARD = 'class Card(Record, tag="card"):\n    number: str\n'
CASH = 'class Cash(Record, tag="cash"):\n    cents: int\n'
GIFT = 'class Gift(Record, tag="gift"):\n    code: str\n'
TWO, THREE = CARD + CASH, CARD + CASH + GIFT

UNIONS = [
    *both(
        take("Card | Cash", "Cash(cents=1)", TWO),
        take("Card | Cash | Gift", "Gift(code='a')", THREE),
        Says("union-member-added", "in a request", "sb-", "provider", "safe", why.CLOSED),
        Says("union-member-removed", "in a request", "bs-", "consumers", "safe", why.CLOSED),
    ),
    *both(
        give("Card | Cash", "Cash(cents=1)", TWO, '"GET /money"'),
        give("Card | Cash | Gift", "Gift(code='a')", THREE, '"GET /money"'),
        Says("union-member-added", "in a reply", "bs-", "consumers", "safe", why.CLOSED),
        Says("union-member-removed", "in a reply", "sb-", "provider", "safe", why.CLOSED),
    ),
    Says("union-changed", "another tag of a member", "bb-", "none", "safe", why.CLOSED).case(
        take("Card | Cash", "Cash(cents=1)", TWO),
        take("Card | Cash", "Cash(cents=1)", TWO.replace('"cash"', '"coins"')),
    ),
    Says(
        "union-changed", "two branches gave one number to two members", "bb-", "none", "breaks"
    ).case(
        take("Card | Cash", "Cash(cents=1)", TWO),
        Side(
            source=take(
                "Card | Coins", "", TWO.replace("Cash", "Coins").replace("cash", "coins")
            ).source,
            calls=("put(value=Coins(cents=1))",),
            numbers={"PutRequest.ValueOneOf": {"card": 1, "coins": 2}},
        ),
    ),
    Says("union-changed", "the tag's own name, over HTTP", "bb-", "none", "safe", why.VALUES).case(
        take("Card | Cash", "Cash(cents=1)", TWO, HTTP),
        take("Card | Cash", "Cash(cents=1)", TWO.replace("tag=", 'tag_field="kind", tag='), HTTP),
    ),
]

CASES: list[Case] = [*SCALARS, *LIMITS, *NONE, *COLLECTIONS, *ENUMS, *UNIONS]
