"""The baseline of an existing code base: what it keeps, and that it only becomes shorter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outgrow.errors import DefinitionError
from outgrow.process.checking import Compared, compare_with_baseline, update_baseline
from tests.process import town
from tests.process.town import shown

FILE = Path("outgrow-baseline.json")
INSIDE = "from town.mill.service import MillService\n"
MORE = "town/bakery/more.py"


def compare(added: dict[str, str]) -> Compared:
    return compare_with_baseline(town.find(added), FILE, Path())


def update(added: dict[str, str]) -> Compared:
    return update_baseline(town.find(added), FILE, Path())


def kept() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(FILE.read_text())["findings"]
    return found


def slugs(compared: Compared) -> list[str]:
    return [finding.slug for finding in compared.findings]


def test_the_first_baseline_holds_what_is_found_and_then_it_is_kept(check) -> None:
    first = update({MORE: INSIDE})
    again = compare({MORE: INSIDE})

    assert (first.findings, first.kept, first.removed) == ([], 1, 0)
    assert (again.findings, again.kept) == ([], 1)
    assert kept() == [
        {
            "slug": "import-inside",
            "file": MORE,
            "message": "service 'bakery' imports town.mill.service, which is inside of service "
            "'mill'.",
            "count": 1,
        }
    ]


def test_lines_may_move(check) -> None:
    update({MORE: INSIDE})

    assert compare({MORE: f"import json\n\n\n{INSIDE}"}).findings == []


def test_circles_keep_their_identity_when_lines_move(check) -> None:
    from tests.process.test_calls_seen import BAKES, two

    grinds = "    async def grind(self, kilos: int = 1) -> None:\n        await self.bread.bake()\n"
    update(two(bakery=BAKES, mill=grinds))

    moved = compare(two(bakery=f"\n\n{BAKES}", mill=f"\n{grinds}", top="# moved\n\n"))

    assert kept()[0]["slug"] == "call-circle"
    assert moved.findings == []


def test_what_is_new_is_found_beside_what_is_kept(check) -> None:
    update({MORE: INSIDE})

    compared = compare({MORE: INSIDE, "town/bakery/other.py": INSIDE})

    assert [line.split()[0] for line in shown(compared.findings)] == ["town/bakery/other.py:1"]
    assert compared.kept == 1


def test_one_more_of_the_same_in_the_same_file_is_new(check) -> None:
    late = "def late():\n    from town.mill.service import MillService\n"
    update({MORE: INSIDE})

    compared = compare({MORE: INSIDE + late})

    assert slugs(compared) == ["import-inside", "import-inside"]
    assert all("2 like it, and the baseline keeps 1." in f.remedy for f in compared.findings)


def test_what_is_gone_must_leave_the_baseline(check) -> None:
    update({MORE: INSIDE})

    [finding] = compare({MORE: "import json\n"}).findings
    updated = update({MORE: "import json\n"})

    assert finding.slug == "baseline-gone"
    assert f"it keeps what is no more: {MORE}: service 'bakery' imports" in finding.message
    assert "--update-baseline" in finding.remedy
    assert (updated.findings, updated.kept, updated.removed) == ([], 0, 1)
    assert kept() == []


def test_an_update_adds_nothing_and_still_finds_it(check) -> None:
    update({MORE: INSIDE})
    before = FILE.read_text()

    updated = update({MORE: INSIDE, "town/bakery/other.py": INSIDE})

    assert slugs(updated) == ["import-inside"]
    assert FILE.read_text() == before


def test_an_update_takes_out_what_is_gone_though_something_is_new(check) -> None:
    update({MORE: INSIDE})

    updated = update({MORE: "import json\n", "town/bakery/other.py": INSIDE})

    assert slugs(updated) == ["import-inside"]
    assert (updated.kept, updated.removed, kept()) == (0, 1, [])


def test_a_count_becomes_less(check) -> None:
    late = "def late():\n    from town.mill.service import MillService\n"
    update({MORE: INSIDE + late})

    updated = update({MORE: INSIDE})

    assert (updated.kept, updated.removed, kept()[0]["count"]) == (1, 1, 1)


def test_warnings_are_kept_and_become_less_too(check) -> None:
    tables = {
        "town/mill/migrations/0001_sacks.sql": "create table sacks (a text);\n",
        MORE: 'async def look(tx):\n    await tx.execute("select 1 from sacks")\n',
    }
    update(tables)

    assert kept()[0]["slug"] == "table-of-another"
    assert compare(tables).findings == []
    assert slugs(compare({MORE: "import json\n"})) == ["baseline-gone"]


def test_what_a_start_refuses_is_never_kept(check) -> None:
    late = {"town/mill/migrations/0001_no.sql": "create tabel no;\n"}

    updated = update(late)

    assert slugs(updated) == ["migration-failed"]
    assert kept() == []


def test_a_program_that_cannot_be_loaded_changes_no_baseline(check) -> None:
    update({MORE: INSIDE})
    before = FILE.read_text()

    updated = update({MORE: "import json\n", "town/mill/service.py": "made = 1 / 0\n"})

    assert slugs(updated) == ["service-import"]
    assert FILE.read_text() == before


def test_no_first_baseline_is_made_of_a_program_that_cannot_be_loaded(check) -> None:
    updated = update({MORE: INSIDE, "town/mill/service.py": "made = 1 / 0\n"})

    assert sorted(slugs(updated)) == ["import-inside", "service-import"]
    assert not FILE.exists()


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", '{"findings": 3}', '{"about": "", "findings": [{"slug": 1}]}', "\xff"],
)
def test_a_baseline_that_is_none_is_an_error(check, text: str | None) -> None:
    if text is not None:
        FILE.write_bytes(text.encode("latin-1"))

    with pytest.raises(DefinitionError) as raised:
        compare({})

    assert [finding.slug for finding in raised.value.findings] == ["baseline-unreadable"]
