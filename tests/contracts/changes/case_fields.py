"""Parameters of methods and fields of records: added, removed, renamed, their defaults."""

from __future__ import annotations

from tests.contracts.changes import reasons as why
from tests.contracts.changes.case import Case, Says, Side, both, giving, taking

HTTP = '"POST /things"'
LINE = "class Line(Record):\n    sku: str\n"
LINE_CALL = "put(line=Line(sku='a'))"
MORE = LINE + "    count: int\n"
MORE_CALL = "put(line=Line(sku='a', count=2))"
OPTIONAL = LINE + "    count: int = 1\n"


def line(types: str, call: str, how: str = "", *, is_query: bool = False) -> Side:
    return taking("line: Line", call, types=types, how=how, is_query=is_query)


def reply(types: str, value: str, how: str = "") -> Side:
    return giving("Line", value, types=types, how=how)


def both_ways(types: str, value: str) -> Side:
    source = f"{types}\nclass Shop(Contract):\n    @query()\n"
    source += "    async def put(self, line: Line) -> Line: ...\n"
    return Side(source=source, calls=(f"put(line={value})",), reply=value)


def empty_default(hint: str, value: str, title: str) -> list[Case]:
    """A parameter and a field of a reply that are read as nothing where they are not known."""
    spares = f"{LINE}    spare: {hint}\n"
    return [
        *both(
            taking("text: str", "put(text='a')"),
            taking(f"text: str, spare: {hint}", f"put(text='a', spare={value})"),
            Says("parameter-added-optional", title, "bss", "consumers", "safe", why.DEFAULTS),
            Says("parameter-removed", title, "sbs", "provider", "safe", why.DEFAULTS),
        ),
        *both(
            reply(LINE, "Line(sku='a')"),
            reply(spares, f"Line(sku='a', spare={value})"),
            Says(
                "field-added-optional",
                f"{title}, in a reply",
                "sb-",
                "provider",
                "safe",
                why.DEFAULTS,
            ),
            Says("field-removed", f"{title}, in a reply", "bs-", "consumers", "safe", why.DEFAULTS),
        ),
    ]


PARAMETERS = [
    *both(
        taking("text: str", "put(text='a')", is_query=True),
        taking("text: str, size: int", "put(text='a', size=2)", is_query=True),
        Says("parameter-added-required", "of a query", "bs-", "consumers", "safe", why.REQUIRED),
        Says("parameter-removed", "required, of a query", "sb-", "provider", "safe", why.REQUIRED),
    ),
    *both(
        taking("text: str", "put(text='a')"),
        taking("text: str, size: int", "put(text='a', size=2)"),
        Says("parameter-added-required", "of a command", "bsb", "none", "safe", why.REQUIRED),
        Says(
            "parameter-removed", "required, of a command", "sbs", "provider", "safe", why.REQUIRED
        ),
    ),
    *both(
        taking("text: str", "put(text='a')"),
        taking("text: str, size: int = 1", "put(text='a', size=2)"),
        Says("parameter-added-optional", "between services", "sss", "provider", "safe"),
        Says("parameter-removed", "optional, between services", "sss", "consumers", "safe"),
    ),
    *both(
        taking("text: str", "put(text='a')", how=HTTP),
        taking("text: str, size: int = 1", "put(text='a', size=2)", how=HTTP),
        Says("parameter-added-optional", "over HTTP", "sbs", "provider", "safe", why.EDGE),
        Says("parameter-removed", "optional, over HTTP", "bss", "consumers", "safe", why.EDGE),
    ),
    *both(
        taking("text: str", "put(text='a')", is_query=True),
        taking("text: str, words: list[str]", "put(text='a', words=['b'])", is_query=True),
        Says("parameter-added-required", "a list, between services", "ss-", "provider", "safe"),
        Says("parameter-removed", "a list, between services", "ss-", "consumers", "safe"),
    ),
    *both(
        taking("text: str", "put(text='a')"),
        taking("text: str, spare: int | None = None", "put(text='a', spare=6)"),
        Says("parameter-added-optional", "None by default", "sss", "provider", "safe"),
        Says("parameter-removed", "None by default", "sss", "consumers", "safe"),
    ),
    *both(
        taking("text: str", "put(text='a')"),
        taking("text: str, spare: tuple[str, ...] = ()", "put(text='a', spare=('b',))"),
        Says(
            "parameter-added-optional", "a list that is empty by default", "sss", "provider", "safe"
        ),
        Says("parameter-removed", "a list that is empty by default", "sss", "consumers", "safe"),
    ),
    *empty_default("int | None = 5", "6", "may be None, but not by default"),
    *empty_default("int | None = 0", "6", "may be None, and is 0 by default"),
    *empty_default("tuple[int, ...] = (1, 2)", "(3,)", "a list that is not empty by default"),
    *both(
        taking("text: str", "put(text='a')"),
        taking("text: str, words: Annotated[list[int], MinLen(1)]", "put(text='a', words=[1])"),
        Says(
            "parameter-added-required", "a list of one at least", "bsb", "none", "safe", why.LIMITS
        ),
        Says("parameter-removed", "a list of one at least", "sbs", "provider", "safe", why.LIMITS),
    ),
    *both(
        reply(LINE, "Line(sku='a')"),
        reply(
            LINE + "    by: Annotated[dict[str, int], MinLen(1)]\n", "Line(sku='a', by={'a': 1})"
        ),
        Says(
            "field-added-required",
            "a dict of one at least, in a reply",
            "sb-",
            "provider",
            "safe",
            why.LIMITS,
        ),
        Says(
            "field-removed",
            "a dict of one at least, in a reply",
            "bs-",
            "consumers",
            "safe",
            why.LIMITS,
        ),
    ),
    *both(
        reply(LINE, "Line(sku='a')"),
        reply(
            LINE + "    by: list[int] = field(default_factory=lambda: [1])\n",
            "Line(sku='a', by=[2])",
        ),
        Says(
            "field-added-optional",
            "a list that something fills by default, in a reply",
            "sb-",
            "provider",
            "safe",
            why.DEFAULTS,
        ),
        Says(
            "field-removed",
            "a list that something fills by default, in a reply",
            "bs-",
            "consumers",
            "safe",
            why.DEFAULTS,
        ),
    ),
    Says("parameter-renamed", "between services", "bb-", "none", "safe", why.REQUIRED).case(
        taking("text: str", "put(text='a')", is_query=True),
        taking("words: str", "put(words='a')", is_query=True),
    ),
    Says(
        "parameter-renamed http-parameter-renamed", "in a path", "bb-", "none", "safe", why.REQUIRED
    ).case(
        taking("text: str", "put(text='a')", how='"GET /things/{text}"', is_query=True),
        taking("words: str", "put(words='a')", how='"GET /things/{words}"', is_query=True),
    ),
    *both(
        taking("size: int", "put(size=1)", is_query=True),
        taking("size: int = 1", "put()", is_query=True),
        Says("parameter-default-added", "between services", "ss-", "any", "safe"),
        Says("parameter-default-removed", "between services", "ss-", "any", "safe"),
    ),
    *both(
        taking("size: int", "put(size=1)", how=HTTP),
        taking("size: int = 1", "put()", how=HTTP),
        Says("parameter-default-added", "over HTTP", "sbs", "provider", "safe", why.DEFAULTS),
        Says("parameter-default-removed", "over HTTP", "bsb", "none", "safe", why.DEFAULTS),
    ),
    Says("parameter-default-changed", "of a query, between services", "ss-", "any", "safe").case(
        taking("size: int = 1", "put()", is_query=True),
        taking("size: int = 2", "put()", is_query=True),
    ),
    Says("parameter-default-changed", "of a command", "ssb", "none", "safe", why.DEFAULTS).case(
        taking("size: int = 1", "put()"), taking("size: int = 2", "put()")
    ),
    Says("parameter-default-changed", "over HTTP", "bbb", "none", "safe", why.DEFAULTS).case(
        taking("size: int = 1", "put()", how=HTTP), taking("size: int = 2", "put()", how=HTTP)
    ),
    Says("unchanged", "the order of parameters", "ss-", "any", "safe").case(
        taking("one: str, two: int", "put(one='a', two=2)", is_query=True),
        taking("two: int, one: str", "put(one='a', two=2)", is_query=True),
    ),
]

RECORDS = [
    *both(
        line(LINE, LINE_CALL),
        line(MORE, MORE_CALL),
        Says("field-added-required", "in a request", "bsb", "none", "safe", why.REQUIRED),
        Says("field-removed", "required, in a request", "sbs", "provider", "safe", why.REQUIRED),
    ),
    *both(
        line(LINE, LINE_CALL),
        line(OPTIONAL, MORE_CALL),
        Says("field-added-optional", "in a request", "sss", "provider", "safe"),
        Says("field-removed", "optional, in a request", "sss", "consumers", "safe"),
    ),
    *both(
        line(LINE, LINE_CALL, HTTP),
        line(OPTIONAL, MORE_CALL, HTTP),
        Says("field-added-optional", "in a request over HTTP", "sbs", "provider", "safe", why.EDGE),
        Says(
            "field-removed",
            "optional, in a request over HTTP",
            "bss",
            "consumers",
            "safe",
            why.EDGE,
        ),
    ),
    *both(
        reply(LINE, "Line(sku='a')"),
        reply(MORE, "Line(sku='a', count=2)"),
        Says("field-added-required", "in a reply", "sb-", "provider", "safe", why.REQUIRED),
        Says("field-removed", "required, in a reply", "bs-", "consumers", "safe", why.REQUIRED),
    ),
    *both(
        reply(LINE, "Line(sku='a')", '"GET /lines"'),
        reply(OPTIONAL, "Line(sku='a', count=2)", '"GET /lines"'),
        Says("field-added-optional", "in a reply", "ss-", "any", "safe"),
        Says("field-removed", "optional, in a reply", "ss-", "any", "safe"),
    ),
    *both(
        both_ways(LINE, "Line(sku='a')"),
        both_ways(MORE, "Line(sku='a', count=2)"),
        Says(
            "field-added-required", "in requests and replies", "bb-", "none", "safe", why.REQUIRED
        ),
        Says(
            "field-removed",
            "required, in requests and replies",
            "bb-",
            "none",
            "safe",
            why.REQUIRED,
        ),
    ),
    Says("field-renamed", "in a request", "bbb", "none", "safe", why.REQUIRED).case(
        line(LINE, LINE_CALL), line(LINE.replace("sku", "code"), "put(line=Line(code='a'))")
    ),
    Says(
        "field-renamed", "keeping its number, by hand, in the .proto", "bb-", "none", "breaks"
    ).case(
        line(LINE, LINE_CALL, is_query=True),
        Side(
            source=line(LINE.replace("sku", "code"), "", is_query=True).source,
            calls=("put(line=Line(code='a'))",),
            numbers={"Line": {"code": 1}},
        ),
    ),
    Says("field-renamed", "keeping its number, over HTTP", "bb-", "none", "breaks").case(
        reply_and_request := Side(
            source=LINE + 'class Shop(Contract):\n    @query("POST /find")\n'
            "    async def put(self, line: Line) -> None: ...\n",
            calls=(LINE_CALL,),
        ),
        Side(
            source=reply_and_request.source.replace("sku", "code"),
            calls=("put(line=Line(code='a'))",),
            numbers={"Line": {"code": 1}},
        ),
    ),
    Says(
        "field-number-changed field-number-changed",
        "by hand, in the .proto",
        "bb-",
        "none",
        "breaks",
    ).case(
        line(MORE, MORE_CALL, is_query=True),
        Side(
            source=line(MORE, "", is_query=True).source,
            calls=(MORE_CALL,),
            numbers={"Line": {"sku": 2, "count": 1}},
        ),
    ),
    Says(
        "field-renamed",
        "another field has its number, optional, in the .proto",
        "bb-",
        "none",
        "breaks",
    ).case(
        line(
            LINE + "    note: str = ''\n", "put(line=Line(sku='a', note='call me'))", is_query=True
        ),
        Side(
            source=line(LINE + "    coupon: str = ''\n", "", is_query=True).source,
            calls=("put(line=Line(sku='a', coupon='half'))",),
            numbers={"Line": {"sku": 1, "coupon": 2}},
        ),
    ),
    Says(
        "parameter-renamed parameter-type-changed",
        "two branches gave one number to fields of different types",
        "bb-",
        "none",
        "breaks",
    ).case(
        taking("text: str, note: str = ''", "put(text='a', note='b')", is_query=True),
        Side(
            source=taking("text: str, coupon: bytes = b''", "", is_query=True).source,
            calls=("put(text='a', coupon=b'c')",),
            numbers={"PutRequest": {"text": 1, "coupon": 2}},
        ),
    ),
    Says(
        "parameter-number-changed parameter-number-changed",
        "two branches added the same two in another order",
        "bb-",
        "none",
        "breaks",
    ).case(
        taking("note: str = '', coupon: str = ''", "put(note='a', coupon='b')", is_query=True),
        Side(
            source=taking("coupon: str = '', note: str = ''", "", is_query=True).source,
            calls=("put(note='a', coupon='b')",),
            numbers={"PutRequest": {"coupon": 1, "note": 2}},
        ),
    ),
    Says("field-json-name-changed", "between services", "ss-", "any", "breaks", why.NAMES).case(
        line(LINE, LINE_CALL, is_query=True),
        line('class Line(Record):\n    sku: str = field(name="code")\n', LINE_CALL, is_query=True),
    ),
    Says("field-json-name-changed", "over HTTP", "bbb", "none", "breaks").case(
        line(LINE, LINE_CALL, HTTP),
        line('class Line(Record):\n    sku: str = field(name="code")\n', LINE_CALL, HTTP),
    ),
    *both(
        line(MORE, "put(line=Line(sku='a', count=1))", HTTP),
        line(OPTIONAL, LINE_CALL, HTTP),
        Says(
            "field-default-added", "in a request over HTTP", "sbs", "provider", "safe", why.DEFAULTS
        ),
        Says(
            "field-default-removed",
            "in a request over HTTP",
            "bss",
            "consumers",
            "safe",
            why.DEFAULTS,
        ),
    ),
    Says("field-default-changed", "in a request between services", "sss", "any", "safe").case(
        line(OPTIONAL, LINE_CALL), line(OPTIONAL.replace("= 1", "= 2"), LINE_CALL)
    ),
    Says(
        "field-default-changed", "in a request over HTTP", "bbs", "none", "safe", why.DEFAULTS
    ).case(line(OPTIONAL, LINE_CALL, HTTP), line(OPTIONAL.replace("= 1", "= 2"), LINE_CALL, HTTP)),
    Says("field-default-changed", "in a reply", "ss-", "any", "safe").case(
        reply(OPTIONAL, "Line(sku='a')"), reply(OPTIONAL.replace("= 1", "= 2"), "Line(sku='a')")
    ),
    Says(
        "parameter-type-respelled",
        "a record's class has another name",
        "ss-",
        "any",
        "breaks",
        why.MESSAGES,
    ).case(
        line(LINE, LINE_CALL, is_query=True),
        taking(
            "line: Item",
            "put(line=Item(sku='a'))",
            types=LINE.replace("Line", "Item"),
            is_query=True,
        ),
    ),
]

CASES = PARAMETERS + RECORDS
