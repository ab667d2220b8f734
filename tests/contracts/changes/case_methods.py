"""Methods and contracts: their names, promises, problems, and where they are over HTTP."""

from __future__ import annotations

from tests.contracts.changes import reasons as why
from tests.contracts.changes.case import Case, Says, Side, both, repeated

ONE = """
class Shop(Contract):
    @{}
    async def put(self, text: str) -> None: ...
"""
TWO = (
    ONE
    + """
    @{}
    async def get(self) -> None: ...
"""
)
SECOND = """
class Shop2(Contract, version=2):
    @query()
    async def get(self) -> None: ...
"""


def one(mark: str) -> Side:
    return Side(source=ONE.format(mark), calls=("put(text='a')",))


def two(mark: str) -> Side:
    return Side(source=TWO.format(mark, mark), calls=("put(text='a')", "get()"))


METHODS = [
    *both(
        one("query()"),
        two("query()"),
        Says("method-added", "a query", "sb-", "provider", "safe", why.NEW),
        Says("method-removed", "a query", "bs-", "consumers", "safe", why.GONE),
    ),
    Says("method-removed", "a command", "bsb", "none", "safe", why.GONE).case(
        two("command()"), one("command()")
    ),
    Says("method-renamed", "a query", "bb-", "none", "safe", why.GONE).case(
        one("query()"),
        Side(source=ONE.replace("put", "lay").format("query()"), calls=("lay(text='a')",)),
    ),
    *both(
        one("query()"),
        Side(source=ONE.format("query()") + SECOND, calls=("put(text='a')", "get()")),
        Says("contract-added", "version 2 beside version 1", "sb-", "provider", "safe", why.NEW),
        Says("contract-removed", "one of two versions", "bs-", "consumers", "safe", why.GONE),
    ),
    Says(
        "contract-removed contract-added",
        "version 2 instead of version 1",
        "bb-",
        "none",
        "safe",
        why.GONE,
    ).case(
        one("query()"),
        Side(
            source=ONE.replace("(Contract)", "(Contract, version=2)").format("query()"),
            calls=("put(text='a')",),
        ),
    ),
    Says("unchanged", "texts", "ss-", "any", "safe").case(
        one("query()"),
        Side(
            source=one("query()").source.replace("(Contract):", '(Contract):\n    """A shop."""'),
            calls=one("").calls,
        ),
    ),
]

QUERY, KEYED, UNSAFE = one("query()"), one("command()"), one('command(repeat="unsafe")')

REPEATS = repeated(
    [
        *both(
            QUERY,
            KEYED,
            Says("repeat-safe-to-idempotent", "", "bs-", "consumers", "breaks"),
            Says("repeat-idempotent-to-safe", "", "sbs", "provider", "breaks"),
        ),
        *both(
            QUERY,
            UNSAFE,
            Says("repeat-safe-to-unsafe", "", "bs-", "consumers", "breaks"),
            Says("repeat-unsafe-to-safe", "", "sb-", "provider", "breaks"),
        ),
        *both(
            KEYED,
            UNSAFE,
            Says("repeat-idempotent-to-unsafe", "", "bsb", "none", "breaks"),
            Says("repeat-unsafe-to-idempotent", "", "sb-", "provider", "breaks"),
        ),
    ]
)

PROMISES = [
    *both(
        one("query()"),
        one('query(allow="a")'),
        Says("permission-added", "", "bs-", "consumers", "safe", why.WHO),
        Says("permission-removed", "", "sb-", "provider", "safe", why.WHO),
    ),
    Says("permission-changed", "", "bb-", "none", "safe", why.WHO).case(
        one('query(allow="a")'), one('query(allow="b")')
    ),
    *both(
        one('command("POST /things", deadline="5s")'),
        one('command("POST /things", deadline="2s")'),
        Says("deadline-shortened", "", "bs-", "consumers", "safe", why.WHO),
        Says("deadline-extended", "", "sb-", "provider", "safe", why.WHO),
    ),
]


def move(path: str, parameters: str = "source: str, target: str") -> Side:
    names = [one.split(":")[0].strip() for one in parameters.split(",")]
    return Side(
        source=f'class Shop(Contract):\n    @command("POST /move/{path}")\n'
        f"    async def move(self, {parameters}) -> None: ...\n",
        calls=(f"move({names[0]}='a', {names[1]}='b')",),
    )


HTTP = [
    *both(
        one("query()"),
        one('query("GET /things/{text}")'),
        Says("http-added", "", "sb-", "provider", "safe", why.HTTP),
        Says("http-removed", "", "bs-", "consumers", "safe", why.HTTP),
    ),
    Says("http-changed", "the path", "bb-", "none", "safe", why.HTTP).case(
        one('query("GET /things/{text}")'), one('query("GET /items/{text}")')
    ),
    Says("http-parameter-moved", "two swapped", "bb-", "none", "safe", why.HTTP).case(
        move("{source}/{target}"), move("{target}/{source}")
    ),
    *both(
        move("{source}"),
        move("{target}"),
        Says(
            "http-parameter-moved",
            "another into the path, one out",
            "bb-",
            "none",
            "safe",
            why.HTTP,
        ),
        Says("http-parameter-moved", "the same, back", "bb-", "none", "safe", why.HTTP),
    ),
    Says(
        "http-parameter-moved parameter-renamed",
        "one swapped, the other renamed",
        "bbb",
        "none",
        "safe",
        why.HTTP,
    ).case(move("{source}/{target}"), move("{goal}/{source}", "source: str, goal: str")),
    Says("http-changed", "the verb", "bb-", "none", "safe", why.HTTP).case(
        one('command("POST /things")'), one('command("PUT /things")')
    ),
    *both(
        one('query("GET /things/{text}")'),
        one('query("GET /things")'),
        Says(
            "http-changed",
            "a parameter from the path to the query",
            "bb-",
            "none",
            "safe",
            why.HTTP,
        ),
        Says(
            "http-changed",
            "a parameter from the query to the path",
            "bb-",
            "none",
            "safe",
            why.HTTP,
        ),
    ),
]


def refusing(problems: str, raised: str, how: str, names: str = "Gone") -> Side:
    source = f"{problems}\nclass Shop(Contract):\n    @{how.format(f'raises=[{names}]')}\n"
    source += "    async def put(self, text: str) -> None: ...\n"
    return Side(source=source, calls=("put(text='a')",), raises=raised)


GONE = 'class Gone(Problem, status="not_found"):\n    """Gone."""\n    sku: str\n'
SOLD = 'class Sold(Problem, status="aborted"):\n    """Sold."""\n    sku: str\n'
MORE = GONE + "    left: int\n"
SPARE = GONE + "    left: int = 0\n"
OVER_HTTP = 'query("POST /things", {})'

PROBLEMS = [
    *both(
        refusing(GONE, "", "query({})"),
        refusing(GONE + SOLD, "Sold(sku='a')", "query({})", "Gone, Sold"),
        Says("problem-added", "", "bs-", "consumers", "safe", why.PROBLEMS),
        Says("problem-removed", "of a query", "sb-", "provider", "safe", why.PROBLEMS),
    ),
    Says("problem-removed", "of a command", "sbb", "none", "safe", why.PROBLEMS).case(
        refusing(GONE + SOLD, "Sold(sku='a')", "command({})", "Gone, Sold"),
        refusing(GONE, "", "command({})"),
    ),
    Says("problem-added problem-removed", "another name", "bb-", "none", "safe", why.PROBLEMS).case(
        refusing(GONE, "Gone(sku='a')", "query({})"),
        refusing(SOLD, "Sold(sku='a')", "query({})", "Sold"),
    ),
    Says("problem-status-changed", "between services", "ss-", "any", "safe").case(
        refusing(GONE, "Gone(sku='a')", "query({})"),
        refusing(GONE.replace("not_found", "aborted"), "Gone(sku='a')", "query({})"),
    ),
    Says("problem-status-changed", "over HTTP", "bb-", "none", "safe", why.PROBLEMS).case(
        refusing(GONE, "Gone(sku='a')", OVER_HTTP),
        refusing(GONE.replace("not_found", "aborted"), "Gone(sku='a')", OVER_HTTP),
    ),
    *both(
        refusing(GONE, "Gone(sku='a')", OVER_HTTP),
        refusing(MORE, "Gone(sku='a', left=2)", OVER_HTTP),
        Says("problem-field-added-required", "", "sb-", "provider", "safe", why.PROBLEMS),
        Says("problem-field-removed", "required", "bs-", "consumers", "safe", why.PROBLEMS),
    ),
    *both(
        refusing(GONE, "Gone(sku='a')", OVER_HTTP),
        refusing(SPARE, "Gone(sku='a', left=2)", OVER_HTTP),
        Says("problem-field-added-optional", "", "ss-", "any", "safe"),
        Says("problem-field-removed", "optional", "ss-", "any", "safe"),
    ),
    Says("problem-field-added-required", "of a command", "sbb", "none", "safe", why.PROBLEMS).case(
        refusing(GONE, "Gone(sku='a')", "command({})"),
        refusing(MORE, "Gone(sku='a', left=2)", "command({})"),
    ),
    Says("problem-field-type-changed", "str to int", "bb-", "none", "safe", why.PROBLEMS).case(
        refusing(GONE, "Gone(sku='a')", OVER_HTTP),
        refusing(GONE.replace("sku: str", "sku: int"), "Gone(sku=1)", OVER_HTTP),
    ),
    Says("problem-field-renamed", "", "bb-", "none", "safe", why.PROBLEMS).case(
        refusing(GONE, "Gone(sku='a')", "query({})"),
        refusing(GONE.replace("sku", "code"), "Gone(code='a')", "query({})"),
    ),
]

CASES: list[Case] = [*METHODS, *REPEATS, *PROMISES, *HTTP, *PROBLEMS]
