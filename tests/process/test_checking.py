"""What `outgrow check` finds: all that a start would refuse, and imports around contracts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.town import LONELY, refused


def test_a_program_that_is_right_is_counted(check) -> None:
    counted = check().counts

    assert (counted.services, counted.contracts, counted.methods, counted.events) == (3, 3, 3, 2)
    assert (counted.handlers, counted.topologies, counted.modules) == (0, 0, 7)


def test_nothing_is_started_and_nothing_is_written(check, tmp_path: Path) -> None:
    check()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["lonely.py", "outgrow.toml", "town"]


@pytest.mark.parametrize(
    "line",
    [
        "from town.mill.contract import Mill",
        "from town.mill import contract",
        "import town.mill.contract",
        "from ..mill.contract import Mill",
        "from lonely import Lonely",
        "import lonely\nasked = lonely.Lonely",
    ],
)
def test_the_contract_of_another_service_may_be_imported(check, line: str) -> None:
    check({"town/bakery/more.py": line})


@pytest.mark.parametrize(
    "line",
    [
        "from town.mill.service import MillService",
        "from town.mill.service import (\n    MillService as M,\n)",
        "import town.mill.service",
        "from town.mill import service as theirs",
        "from town.mill import nothing",
        "from ..mill.service import MillService",
        "async def late():\n  from town.mill.service import MillService",
        "if False:\n  from town.mill import service",
    ],
)
def test_what_is_inside_of_another_service_may_not_be_imported(check, line: str) -> None:
    at = 2 if "\n  from" in line else 1

    found = refused(check, {"town/bakery/more.py": line})

    assert len(found) == 1
    start = f"town/bakery/more.py:{at} import-inside: service 'bakery' imports town.mill"
    assert found[0].startswith(start)
    assert found[0].endswith("which is inside of service 'mill'.")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from lonely import Lonely, LonelyService", "LonelyService"),
        ("from lonely import LonelySettings", "LonelySettings"),
        ("import lonely\nmade = lonely.LonelyService()", "LonelyService"),
        ("import lonely as one\nmade = one.LonelyService()", "LonelyService"),
        ("from lonely import *", "everything"),
    ],
)
def test_of_a_service_of_one_module_only_its_contract_is_there_for_others(
    check, line: str, name: str
) -> None:
    found = refused(check, {"town/bakery/more.py": line})

    assert len(found) == 1
    expected = (
        f"more.py:1 import-inside: service 'bakery' imports {name} of lonely, which is inside"
    )
    assert expected in found[0]


def test_a_service_of_one_module_is_looked_at_too(check) -> None:
    line = LONELY.count("\n") + 1

    check({"lonely.py": "from town.mill.contract import Mill\n"})
    found = refused(check, {"lonely.py": "from town.mill.service import MillService\n"})

    assert len(found) == 1
    assert found[0].startswith(
        f"lonely.py:{line} import-inside: service 'lonely' imports town.mill.s"
    )


def test_a_module_of_no_service_brings_nobody_inside(check) -> None:
    glue = {"town/glue.py": "from town.mill.service import MillService\n"}

    check(glue)  # as long as no service imports it
    found = refused(check, glue | {"town/bakery/more.py": "import town.glue\n"})

    assert len(found) == 1
    assert found[0].startswith(
        "town/glue.py:1 import-inside: town.glue, which bakery imports, impo"
    )


def test_tests_of_a_service_may_import_what_they_try(check) -> None:
    test = "from town.mill.service import MillService\n"

    check({"town/bakery/tests/__init__.py": "", "town/bakery/tests/test_it.py": test})


def test_findings_of_the_file_the_services_and_their_imports_come_together(check) -> None:
    found = refused(
        check,
        {
            "outgrow.toml": "colour = 3\n",
            "town/mill/service.py": "made = 1 / 0\n",
            "town/bakery/more.py": "import town.mill.service\n",
        },
    )

    assert [text.split(" ")[1].rstrip(":") for text in found] == [
        "unknown-key",
        "service-import",
        "import-inside",
    ]


@pytest.mark.parametrize("package", ["town", "town/mill"])
def test_a_package_that_raises_is_found_with_its_line(check, package: str) -> None:
    found = refused(check, {f"{package}/__init__.py": "made = 1 / 0\n"})

    assert f"{package}/__init__.py:1 service-import" in found[0]
    assert "ZeroDivisionError" in found[0]


def test_a_module_that_is_no_python_is_found_though_nobody_imports_it(check) -> None:
    assert refused(check, {"town/bakery/more.py": "\nx = = 1\n"}) == [
        "town/bakery/more.py:2 module-syntax: it is no Python: x = = 1."
    ]


def test_a_setting_that_does_not_fit_is_found_and_one_that_is_missing_is_not(check) -> None:
    asks = {"lonely.py": "    settings: LonelySettings\n    token: str = ''\n"}
    asks["outgrow.toml"] = "[settings.lonely]\nlimit = 'many'\n"

    found = refused(check, asks)

    assert len(found) == 1
    assert "setting-type: setting 'limit' of 'lonely' does not fit" in found[0]


def test_what_is_said_of_calls_of_a_method_that_no_contract_has_is_found(check) -> None:
    text = "[calls.lonely.{0}]\nconcurrency = 2\n"

    found = refused(check, {"outgrow.toml": text.format("get_on")})

    assert found == [
        "outgrow.toml:4 unknown-method: calls of 'lonely.get_on', which is no method of a contract."
    ]
    check({"outgrow.toml": text.format("get_one")})


def test_replicas_over_one_sqlite_file_are_found_and_others_are_not(check) -> None:
    text = """[topology.{0}]
store = {1}
[topology.{0}.process.a]
services = ["mill", "bakery"]
replicas = 3
[topology.{0}.process.b]
services = ["lonely"]
replicas = 2
"""
    mixed, kept = '{ mill = "postgres" }', '"postgres"'

    found = refused(check, {"outgrow.toml": text.format("mixed", mixed)})

    assert len(found) == 1
    assert "3 replicas would share the SQLite file of 'bakery'." in found[0]
    assert "[topology.mixed.process.a] replicas-sqlite" in found[0]
    check({"outgrow.toml": text.format("kept", kept)})  # and who has no store may have replicas


def test_two_methods_under_one_path_are_found(check) -> None:
    twice = (
        "class Second(Contract):\n    @query('GET /Mill')\n    async def get_it(self) -> int: ..."
    )
    keeps = "@service\nclass SecondService(Second):\n    async def get_it(self) -> int: return 1"

    found = refused(check, {"lonely.py": f"{twice}\n{keeps}\n"})

    assert len(found) == 1
    assert "http-binding-taken" in found[0]


def test_a_handler_of_a_service_that_records_nothing_is_found(check) -> None:
    rings = "from outgrow import Event\nclass Rang(Event, key=None):\n    loud: int\n"
    hears = """
    from outgrow import on
    from lonely import Rang
    @on(Rang)
    async def hear(self, tx, event): ...
"""

    found = refused(check, {"lonely.py": rings, "town/mill/service.py": hears})

    assert len(found) == 1
    assert "handler-without-source: mill.hear listens to 'lonely', which records" in found[0]


def test_the_shop_is_right() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "outgrow", "check"],
        cwd=Path(__file__).parents[2] / "examples" / "shop",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.stdout.startswith("ok: 6 services, 6 contracts,")
    assert ended.returncode == 0
