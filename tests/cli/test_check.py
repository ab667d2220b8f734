"""``outgrow check`` as its user meets it; what it finds is tried in tests/process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SERVICE = """
from outgrow import Contract, query, service
class {0}(Contract):
    @query()
    async def get_one(self) -> int: ...
@service
class {0}Service({0}):
    async def get_one(self) -> int:
        return 1
"""


def check(
    folder: Path, *arguments: str, first: str = SERVICE.format("First")
) -> subprocess.CompletedProcess[str]:
    (folder / "first.py").write_text(first)
    services = '["first", "second"]' if (folder / "second.py").exists() else '["first"]'
    (folder / "outgrow.toml").write_text(f'[app]\nname = "tried"\nservices = {services}\n')
    return subprocess.run(
        [sys.executable, "-m", "outgrow", "check", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_what_is_right_is_counted_and_the_status_is_0(tmp_path: Path) -> None:
    ended = check(tmp_path)

    assert ended.stdout == (
        "ok: 1 service, 1 contract, 1 method, 0 events, 0 handlers, 0 topologies, 1 module\n"
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_all_findings_are_printed_with_their_places_and_the_status_is_2(tmp_path: Path) -> None:
    wrong = "from first import FirstService, First as F\n"
    (tmp_path / "second.py").write_text(SERVICE.format("Second") + wrong)

    ended = check(tmp_path)

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        "second.py:10: service 'second' imports FirstService of first, which is inside of service"
        " 'first'.\n"
        "  Others may import everything but its service class and settings. What they need besides"
        " is asked by a call, or belongs into the contract of 'first'.\n"
        "\n"
        "1 finding.\n"
        "More: outgrow explain import-inside\n"
    )


def test_findings_are_also_there_as_json(tmp_path: Path) -> None:
    (tmp_path / "second.py").write_text(SERVICE.format("Second") + "import first\nfirst._x = 1\n")

    ended = check(tmp_path, "--json")
    answer = json.loads(ended.stdout)

    assert ended.returncode == 2
    assert not answer["is_ok"]
    [finding] = answer["findings"]
    assert (finding["place"], finding["slug"]) == ("second.py:10", "import-inside")
    assert json.loads(check(tmp_path / "..", "--json", "--file", "no.toml").stdout)["findings"]


def test_json_of_what_is_right_counts(tmp_path: Path) -> None:
    answer = json.loads(check(tmp_path, "--json").stdout)

    assert answer["is_ok"]
    assert answer["counts"]["services"] == 1


def test_what_two_services_meet_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "__init__.py").touch()
    event = 'from outgrow import Event\nclass Sold(Event, key="itemid"):\n    item_id: str\n'
    (tmp_path / "events" / "contract.py").write_text(event)
    (tmp_path / "second.py").write_text(
        f"from events.contract import Sold\n{SERVICE.format('Second')}"
    )
    (tmp_path / "third.py").write_text(
        f"from events.contract import Sold\n{SERVICE.format('Third')}"
    )
    services = '["second", "third"]'
    (tmp_path / "tried.toml").write_text(f'[app]\nname = "tried"\nservices = {services}\n')

    ended = check(tmp_path, "--file", "tried.toml")

    assert ended.stderr.count("is ordered by 'itemid'") == 1
    assert "1 finding." in ended.stderr


INSIDE = "from first import FirstService\n"


def second(folder: Path, more: str = "") -> None:
    (folder / "second.py").write_text(SERVICE.format("Second") + more)


def test_a_baseline_is_written_kept_and_becomes_shorter(tmp_path: Path) -> None:
    second(tmp_path, INSIDE)

    written = check(tmp_path, "--update-baseline")
    kept = check(tmp_path, "--baseline", "outgrow-baseline.json")
    second(tmp_path)
    gone = check(tmp_path, "--baseline", "outgrow-baseline.json")
    updated = check(tmp_path, "--baseline", "outgrow-baseline.json", "--update-baseline")
    after = check(tmp_path, "--baseline", "outgrow-baseline.json")

    assert written.stdout.endswith(", 2 modules, 1 kept\n")
    assert (written.returncode, written.stderr) == (0, "")
    assert (kept.returncode, kept.stdout) == (0, written.stdout)
    assert gone.returncode == 2
    assert "it keeps what is no more: second.py: service 'second' imports FirstS" in gone.stderr
    assert gone.stderr.endswith("1 finding.\nMore: outgrow explain baseline-gone\n")
    assert (updated.returncode, updated.stdout.split(", ")[-1]) == (0, "1 removed\n")
    assert (after.returncode, after.stderr) == (0, "")


def test_new_findings_fail_beside_a_baseline_and_are_not_taken_into_it(tmp_path: Path) -> None:
    second(tmp_path, INSIDE)
    check(tmp_path, "--update-baseline")
    before = (tmp_path / "outgrow-baseline.json").read_bytes()
    second(tmp_path, INSIDE + "def late():\n    import first\n    first._hidden = 1\n")

    compared = check(tmp_path, "--baseline", "outgrow-baseline.json")
    updated = check(tmp_path, "--update-baseline")

    assert (compared.returncode, updated.returncode) == (2, 2)
    assert compared.stderr.startswith("second.py:12: service 'second' imports _hidden of first")
    assert compared.stderr == updated.stderr
    assert (tmp_path / "outgrow-baseline.json").read_bytes() == before


def test_json_tells_what_a_baseline_keeps(tmp_path: Path) -> None:
    second(tmp_path, INSIDE)
    check(tmp_path, "--update-baseline")

    answer = json.loads(check(tmp_path, "--baseline", "outgrow-baseline.json", "--json").stdout)

    assert (answer["is_ok"], answer["kept"], answer["findings"]) == (True, 1, [])


def test_a_baseline_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    ended = check(tmp_path, "--baseline", "no.json")

    assert ended.returncode == 2
    assert ended.stderr.startswith("no.json: there is no such baseline.\n")


def test_warnings_are_printed_and_the_status_is_0(tmp_path: Path) -> None:
    (tmp_path / "first_migrations").mkdir()
    (tmp_path / "first_migrations" / "0001_one.sql").write_text("create table ones (a text);")
    sql = 'async def look(tx):\n    await tx.execute("select a from ones")\n'
    second(tmp_path, sql)
    first = SERVICE.replace("service\n", "service, Store\n", 1).format("First")
    store = first.replace("FirstService(First):", "FirstService(First):\n    store: Store")

    ended = check(tmp_path, first=store)
    answer = json.loads(check(tmp_path, "--json", first=store).stdout)

    assert ended.returncode == 0
    assert ended.stdout.startswith("ok: 2 services, ")
    assert ended.stderr.startswith("second.py:11: warning: SQL of 'second' names the table 'ones'")
    assert ended.stderr.endswith("\n\n1 warning.\nMore: outgrow explain table-of-another\n")
    assert answer["is_ok"]
    assert [finding["severity"] for finding in answer["findings"]] == ["warning"]
