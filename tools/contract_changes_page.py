"""Write docs/reference/contract-changes.md from its tests; --check only says if it is current."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "contract-changes.md"
sys.path.insert(0, str(ROOT))

from tests.contracts.changes.case import Case  # noqa: E402
from tests.contracts.changes.cases import SECTIONS  # noqa: E402

HEAD = """# Changes of a contract, and whom they break

<!-- Written by tools/contract_changes_page.py from tests/contracts/changes. -->

What `outgrow contract check` says of each kind of change. It answers three questions, one by one:

- **Consumers**: does a consumer of the old contract that goes on running break with the new
  provider? Consumers are those who call its methods, HTTP clients, and the handlers of its events.
- **Providers**: does a provider of the old contract that goes on running break consumers of the
  new one?
- **Stored**: is what is stored not understood any more? That are events in journals, replies that
  are remembered for repeats, and commands that wait to be delivered. A dash: nothing that is
  stored has to do with it.

Every row is a test. Both revisions are executed: where a row says *breaks*, the old consumer was
run against the new provider (or the new consumer against the old provider, or the new version on
what the old one had stored) and failed, or one of them understood another thing than the other had
said. Where it says *safe*, it was run, all that both know got through, and what only the reader
knows had its default. Calls go over real gRPC, and over HTTP where the method is bound.

The **order** is the one in which both sides can be deployed without a break. *Two steps*: there is
none; what to do instead is said by the check. *Consumers first* counts HTTP clients among the
consumers. The check fails if something breaks that runs or is stored; a change that only asks for
*provider first* passes, and its order is told.

The last columns hold the verdict of `buf breaking` (category `WIRE_JSON`) over both `.proto`
files, and why it differs, if it does. A dash: the `.proto` does not speak of it, as it holds no
events.

What makes most of the verdicts:

- A reader refuses what it cannot understand: a required field that is missing, a value out of its
  limits, a member of an enumeration or union that it does not know. It never takes one thing for
  another.
- A reader passes over fields that it does not know. Only the HTTP edge refuses them, in requests,
  since there they are misspelt ones.
- A removed or renamed field leaves its number reserved in the `.proto`, and a new one gets a new
  number. So the wire knows a field by its number, and JSON by its name.
- Where a number stands for fields of two names, as when two branches each froze a new field, or a
  name for two numbers, the calls of that method are refused before the first one: nobody can know
  what is meant.
- A protobuf message does not tell None or an empty list from what its writer does not know. So the
  readers of a new field take it for None or empty there, whatever its default is.
- A caller sends what has its default all the same; an HTTP client may leave it out, and commands
  that wait are stored without it.
- A repeat is known by its key and its arguments. If a field is removed, or added to a record in a
  command's request, a repeat that crosses the deployment is refused with `KeyReused`; the check
  tells of it. It has no second effect.
- A type that is *respelled* looks different and means the same; one that is *narrowed* takes less
  than before, one that is *widened* takes more.
"""

REPEATS = """## The table of repeats

What a caller may do after a failure depends on what its contract promises: repeat at will
(`NO_SIDE_EFFECTS`, a query), repeat under the same key (`IDEMPOTENT`, a command), or nothing
(unset, `repeat="unsafe"`). A promise that shrinks breaks callers who rely on it; one that grows
breaks callers of a provider that does not keep it yet.

| from | to `NO_SIDE_EFFECTS` | to `IDEMPOTENT` | to unset |
|---|---|---|---|
"""

LEVELS = {"safe": "`NO_SIDE_EFFECTS`", "idempotent": "`IDEMPOTENT`", "unsafe": "unset"}


def main() -> int:
    """Write the page, or compare it; the exit status."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not current. Run: python tools/contract_changes_page.py")
    return 1


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for title, cases in SECTIONS.items():
        lines = [f"## {title}", "", *_table(cases)]
        parts.append("\n".join(lines) + "\n")
        if title == "Promises about repeats":
            parts.append(REPEATS + "\n".join(_repeats(cases)) + "\n")
    return "\n".join(parts)


def _table(cases: list[Case]) -> list[str]:
    head = "| change | consumers | providers | stored | order | buf | why buf differs |"
    return [head, "|---|---|---|---|---|---|---|", *map(_row, cases)]


def _row(case: Case) -> str:
    kind = " and ".join(f"`{label}`" for label in dict.fromkeys(case.labels))
    kind = "none" if case.labels == ("unchanged",) else kind
    answers = [_answer(a) for a in (case.consumers, case.providers, case.stored)]
    cells = [
        f"{kind}: {case.title}" if case.title else kind,
        *answers,
        _order(case),
        _answer(case.buf),
        case.why,
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _answer(answer: str) -> str:
    return {"breaks": "**breaks**", "safe": "safe"}.get(answer, "-")


def _order(case: Case) -> str:
    return case.order.removeprefix("none: do it in ")


def _repeats(cases: list[Case]) -> list[str]:
    by_label = {case.labels[0]: case for case in cases}
    rows = []
    for old, name in LEVELS.items():
        cells = [_step(by_label.get(f"repeat-{old}-to-{new}")) for new in LEVELS]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def _step(case: Case | None) -> str:
    if case is None:
        return "-"
    broken = [
        name
        for name, answer in (
            ("consumers", case.consumers),
            ("providers", case.providers),
            ("stored", case.stored),
        )
        if answer == "breaks"
    ]
    return f"breaks {', '.join(broken)}; {_order(case)}"


if __name__ == "__main__":
    sys.exit(main())
