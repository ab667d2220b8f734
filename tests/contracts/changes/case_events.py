"""Events: their fields, keys, schemas and names."""

from __future__ import annotations

from tests.contracts.changes.case import Case, Says, Side, both

SHOP = """
class Shop(Contract):
    @query()
    async def look(self) -> None: ...
"""


def told(fields: str, *events: str, how: str = "key=None", types: str = "", more: str = "") -> Side:
    lines = "".join(f"    {field.strip()}\n" for field in fields.split(";"))
    source = f"{SHOP}\n{types}\nclass Made(Event, {how}):\n{lines}{more}"
    return Side(source=source, events=events)


NOTHING = Side(source=SHOP)
MADE = told("sku: str", "Made(sku='a')")
MOVED = Side(source=MADE.source.replace("Made", "Moved"), events=("Moved(sku='a')",))
MOVED_KNOWING = Side(
    source=MOVED.source.replace("key=None", 'key=None, aliases=["Made"]'), events=MOVED.events
)
UPCAST = """
@upcast(Made, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return {"sku": old["sku"], "count": 1}
"""
KEYED = "sku: str; place: str"
THREE = (
    "Made(sku='a', place='x')",
    "Made(sku='a', place='y')",
    "Made(sku='b', place='x')",
)
CARD = 'class Card(Record, tag="card"):\n    number: str\n'
PAID = CARD + 'class Cash(Record, tag="cash"):\n    cents: int\n'
GIFT = 'class Gift(Record, tag="gift"):\n    code: str\n'
PART = "class Part(Record):\n    size: int\n"
SIZE = "class Size(enum.Enum):\n    S = 's'\n"

CASES: list[Case] = [
    *both(
        NOTHING,
        MADE,
        Says("event-added", "", "ss-", "any", ""),
        Says("event-removed", "or made private", "bsb", "none", ""),
    ),
    *both(
        MADE,
        told("sku: str; count: int", "Made(sku='a', count=2)"),
        Says("event-field-added-required", "", "sbb", "none", ""),
        Says("event-field-removed", "required", "bss", "consumers", ""),
    ),
    *both(
        MADE,
        told("sku: str; count: int = 1", "Made(sku='a', count=2)"),
        Says("event-field-added-optional", "", "sss", "any", ""),
        Says("event-field-removed", "optional", "sss", "any", ""),
    ),
    Says("event-field-renamed", "", "bbb", "none", "").case(
        MADE, told("code: str", "Made(code='a')")
    ),
    Says("event-field-json-name-changed", "", "bbb", "none", "").case(
        MADE, told("sku: str = field(name='code')", "Made(sku='a')")
    ),
    Says("event-field-type-changed", "str to int", "bbb", "none", "").case(
        MADE, told("sku: int", "Made(sku=1)")
    ),
    *both(
        told("size: int", "Made(size=9007199254740993)"),
        told("size: float", "Made(size=1.5)"),
        Says("event-field-type-changed", "int to float, which rounds", "bbb", "none", ""),
        Says("event-field-type-changed", "float to int", "bbb", "none", ""),
    ),
    *both(
        told("size: Annotated[int, Ge(0), Le(9007199254740992)]", "Made(size=9007199254740992)"),
        told("size: float", "Made(size=1.5)"),
        Says("event-field-type-widened", "int up to 2**53 to float", "bss", "consumers", ""),
        Says("event-field-type-narrowed", "float to int up to 2**53", "sbb", "none", ""),
    ),
    *both(
        MADE,
        told("sku: str | None", "Made(sku=None)"),
        Says("none-allowed", "in an event", "bss", "consumers", ""),
        Says("none-refused", "in an event", "sbb", "none", ""),
    ),
    *both(
        told("size: Annotated[int, Le(3)]", "Made(size=3)"),
        told("size: Annotated[int, Le(5)]", "Made(size=5)"),
        Says("limit-loosened", "in an event", "bss", "consumers", ""),
        Says("limit-tightened", "in an event", "sbb", "none", ""),
    ),
    *both(
        told("size: Size", "Made(size=Size.S)", types=SIZE),
        told("size: Size", "Made(size=Size.L)", types=SIZE + "    L = 'l'\n"),
        Says("enum-value-added", "in an event", "bss", "consumers", ""),
        Says("enum-value-removed", "in an event", "sbb", "none", ""),
    ),
    *both(
        told("size: Size", "Made(size=Size(n=1))", types="class Size(Record):\n    n: int\n"),
        told(
            "size: Size",
            "Made(size=Size(n=1, unit='m'))",
            types="class Size(Record):\n    n: int\n    unit: str\n",
        ),
        Says("field-added-required", "in an event", "sbb", "none", ""),
        Says("field-removed", "required, in an event", "bss", "consumers", ""),
    ),
    *both(
        told("how: Card | Cash", "Made(how=Cash(cents=1))", types=PAID),
        told("how: Card | Cash | Gift", "Made(how=Gift(code='a'))", types=PAID + GIFT),
        Says("union-member-added", "in an event", "bss", "consumers", ""),
        Says("union-member-removed", "in an event", "sbb", "none", ""),
    ),
    *both(
        told("parts: list[Part]", "Made(parts=[Part(size=9007199254740993)])", types=PART),
        told(
            "parts: list[Part]",
            "Made(parts=[Part(size=1.5)])",
            types=PART.replace("int", "float"),
        ),
        Says("field-type-changed", "int to float, in an event", "bbb", "none", ""),
        Says("field-type-changed", "float to int, in an event", "bbb", "none", ""),
    ),
    Says("event-key-changed", "", "bbs", "none", "").case(
        told(KEYED, *THREE, how='key="sku"'), told(KEYED, *THREE, how='key="place"')
    ),
    *both(
        told(KEYED, *THREE),
        told(KEYED, *THREE, how='key="sku"'),
        Says("event-key-added", "", "sbs", "provider", ""),
        Says("event-key-removed", "", "bss", "consumers", ""),
    ),
    *both(
        MADE,
        told(
            "sku: str; count: int", "Made(sku='a', count=2)", how="key=None, schema=2", more=UPCAST
        ),
        Says("event-schema-raised", "with an upcaster", "bss", "consumers", ""),
        Says("event-schema-lowered", "", "sbb", "none", ""),
    ),
    *both(
        MADE,
        MOVED_KNOWING,
        Says("event-renamed", "with its former name as an alias", "sss", "any", ""),
        Says("event-renamed-back", "without an alias", "ssb", "none", ""),
    ),
    Says("event-removed event-added", "another name without an alias", "bsb", "none", "").case(
        MADE, MOVED
    ),
    *both(
        MOVED,
        MOVED_KNOWING,
        Says("event-alias-added", "", "sss", "any", ""),
        Says("event-alias-removed", "", "ssb", "none", ""),
    ),
]
