"""What `outgrow check` finds at the boundaries of services: each rule, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from outgrow.errors import Finding
from tests.process import town
from tests.process.town import LONELY, refused, shown


def found(added: dict[str, str]) -> list[Finding]:
    return town.find(added).findings


# Imports.


@pytest.mark.parametrize(
    "line",
    [
        'import importlib\nimportlib.import_module("town.mill.service")',
        'from importlib import import_module as load\nload("town.mill.service")',
        'import importlib as i\ndef late():\n  i.import_module("..mill.service", "town.bakery")',
        'import importlib\nimportlib.import_module("..mill.service", package=__package__)',
        'import importlib\nMILL = "town.mill.service"\nmill = importlib.import_module(MILL)',
        '__import__("town.mill.service")',
        '__import__("town.mill", fromlist=["service"])',
        '__import__("mill.service", globals(), locals(), [], 2)',
        'import sys\nsys.modules["town.mill.service"]',
        "import town.mill.contract\nmade = town.mill.service.MillService",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import town.mill.service as hinted",
        "from town.mill.service import *",
        "import town.mill.service as inside",
        "from ..mill import service",
        "from ..mill.service import MillService as M",
        "class Late:\n  def load(self):\n    from ..mill import service",
    ],
)
def test_every_way_inside_is_found(check, line: str) -> None:
    what = refused(check, {"town/bakery/more.py": f"\n{line}\n"})

    assert len(what) == 1
    assert "import-inside: service 'bakery' imports town.mill.service, which is inside" in what[0]
    lines = [n for n, text in enumerate(line.splitlines(), start=2) if "mill" in text]
    assert what[0].startswith(f"town/bakery/more.py:{lines[-1]} ")


@pytest.mark.parametrize(
    "line",
    [
        'import importlib\nimportlib.import_module("town.mill.contract")',
        'import importlib\nimportlib.import_module("json")',
        'import importlib\nimportlib.import_module(f"town.{1}")',
        'import importlib\nimportlib.import_module("town.bakery.contract")',
        'def import_module(name): ...\nimport_module("town.mill.service")',
        "import town.mill.contract as theirs\nasked = theirs.Mill",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import town.mill.contract",
        "from town.mill.contract import *",
        "def use(town):\n  return town.mill.service",
        'text = "from town.mill.service import MillService"',
        '__import__("town.mill.contract")',
    ],
)
def test_what_is_no_way_inside_is_left_alone(check, line: str) -> None:
    assert check({"town/bakery/more.py": f"\n{line}\n"}).findings == []


@pytest.mark.parametrize(
    "line",
    [
        "import importlib\nmade = importlib.import_module('lonely').LonelyService()",
        "import importlib\none = importlib.import_module('lonely')\nmade = one.LonelyService()",
    ],
)
def test_a_service_of_one_module_is_not_entered_by_a_call_either(check, line: str) -> None:
    what = refused(check, {"town/bakery/more.py": line})

    assert len(what) == 1
    assert "import-inside: service 'bakery' imports LonelyService of lonely" in what[0]


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("from ..mill import service as theirs", True),
        ("from ..mill.service import MillService", True),
        ("def late():\n  from ..mill.service import MillService", True),
        ("from ..mill.contract import Mill", False),
    ],
)
def test_relative_imports_of_a_service_that_is_one_file(check, line: str, is_found: bool) -> None:
    added = {
        "town/street/__init__.py": "",
        "town/street/kiosk.py": f"{LONELY}\n{line}\n",
        "outgrow.toml": "",
    }
    services = '"town.bakery", "town.mill", "lonely"'
    original = town.town()["outgrow.toml"]
    town.plant(Path.cwd(), added)
    Path("outgrow.toml").write_text(original.replace(services, f'{services}, "town.street.kiosk"'))
    town.forget()

    findings = town.check_program(Path("outgrow.toml")).findings

    assert [f.slug for f in findings] == ["import-inside"] * is_found
    assert all(f.place.startswith("town/street/kiosk.py:") for f in findings)


def test_a_call_brings_a_module_of_no_service_inside(check) -> None:
    glue = 'import importlib\nmill = importlib.import_module("town.mill.service")\n'

    what = refused(check, {"town/glue.py": glue, "town/bakery/more.py": "import town.glue\n"})

    assert what[0].startswith("town/glue.py:2 import-inside: town.glue, which bakery imports, impo")


# Tables.

USERS = {
    "town/mill/migrations/0001_sacks.sql": "create table sacks (sack_id text primary key);\n",
    "town/bakery/migrations/0001_loaves.sql": "create table loaves (loaf_id text primary key);\n",
}


def looks(sql: str, head: str = "") -> list[str]:
    text = f"{head}\nasync def look(snapshot, tx, n):\n    {sql}\n"
    return shown(found({**USERS, "town/bakery/more.py": text}))


@pytest.mark.parametrize(
    ("sql", "head"),
    [
        ('await tx.execute("delete from sacks where sack_id = :sack_id", sack_id=n)', ""),
        ('await snapshot.fetch_all(str, "select sack_id from Sacks")', ""),
        ("await snapshot.fetch_one(int, SQL, n=n)", 'SQL = "select 1 from sacks"'),
        (
            'await snapshot.fetch_one(int, f"{SQL} where sack_id = :n")',
            'SQL = "select 1 from sacks"',
        ),
        ('await snapshot.fetch_optional(str, f"select a from sacks where {n} = 1 limit {n}")', ""),
        ('await tx.execute("insert into loaves (a) " + "select sack_id from sacks")', ""),
        ('await snapshot.fetch_all(str, "select 1 from loaves join sacks using (sack_id)")', ""),
        ('await tx.execute("update loaves set a = 1 where b in (select c from sacks s)")', ""),
        ('await tx.execute(text("with x as (select 1) select * from x, sacks"))', ""),
        ('await tx.execute("insert into sacks (a) values (:a) on conflict (a) do nothing")', ""),
        ('await snapshot.fetch_all(str, "select a from sacks where b ilike :b::text")', ""),
        ('sql = "select 1 from sacks"\n    await tx.fetch_one(int, sql)', ""),
    ],
)
def test_a_table_of_another_service_is_a_warning(check, sql: str, head: str) -> None:
    [line] = looks(sql, head)

    assert line.startswith("town/bakery/more.py:")
    assert "table-of-another: SQL of 'bakery' names the table 'sacks', which the" in line


@pytest.mark.parametrize(
    "sql",
    [
        'await tx.execute("select sacks from loaves")',
        'await tx.execute("select 1 from loaves as sacks")',
        'await tx.execute("with sacks as (select 1 as a) select a from sacks")',
        "await tx.execute(\"insert into loaves values ('from sacks')\")",
        'await tx.execute("select 1 from loaves -- not from sacks")',
        'print("select 1 from sacks")',
        'await tx.execute("create temp table sacks (a); insert into sacks values (1)")',
        'await tx.execute(f"select 1 from {n}")',
        'await tx.execute("select * from sqlite_master")',
        "await tx.execute(n)",
    ],
)
def test_sql_that_names_only_own_tables_is_left_alone(check, sql: str) -> None:
    assert looks(sql) == []


def test_warnings_do_not_refuse_a_program(check) -> None:
    more = 'async def look(tx):\n    await tx.execute("select 1 from sacks")\n'

    checked = check({**USERS, "town/bakery/more.py": more})

    assert [finding.severity for finding in checked.findings] == ["warning"]


def test_a_table_that_both_make_is_everybodys_own(check) -> None:
    both = {"town/bakery/migrations/0002_sacks.sql": "create table if not exists sacks (a);"}
    more = 'async def look(tx):\n    await tx.execute("select 1 from sacks")\n'

    assert check({**USERS, **both, "town/bakery/more.py": more}).findings == []


def test_a_migration_that_names_a_table_of_another_is_found_with_its_line(check) -> None:
    more = "create table crumbs (\n  a text,\n  sack_id text references sacks (sack_id)\n);\n"

    [line] = shown(found({**USERS, "town/bakery/migrations/0002_crumbs.sql": more}))

    assert line.startswith("town/bakery/migrations/0002_crumbs.sql:3 table-of-another: ")


def test_sql_that_cannot_be_read_is_counted_in_a_note(check) -> None:
    sql = 'await tx.execute("select from where sacks (")\n    await tx.execute("sacks )( from")'

    [line] = looks(sql)

    assert line.startswith("town/bakery/more.py:3 sql-unread: 2 SQL texts with the name of")


def test_sqlglot_is_imported_only_where_sql_may_name_tables_of_others() -> None:
    shop = Path(__file__).parents[2] / "examples" / "shop"
    code = (
        "import sys; from pathlib import Path; from outgrow.process.checking import check_program;"
        "assert not check_program(Path('outgrow.toml')).findings; print('sqlglot' in sys.modules)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, check=False
    )

    assert ended.stdout == "False\n", ended.stderr


# Contracts.

LEAKING = """
class Leaking(Contract):
    @query()
    async def get_it(self, {parameter}) -> {reply}: ...
"""


def leaks(head: str, parameter: str = "n: int", reply: str = "int", more: str = "") -> list[str]:
    text = head + LEAKING.format(parameter=parameter, reply=reply) + more
    lines = shown(found({"town/mill/contract.py": text}))
    return [line for line in lines if "contract-store-type" in line]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("import sqlite3\n", "imports sqlite3"),
        ("from outgrow import Transaction\n", "imports outgrow.Transaction"),
        ("from outgrow.store import Snapshot\n", "imports outgrow.store.Snapshot"),
        ("if False:\n    from sqlalchemy.orm import Session\n", "imports sqlalchemy.orm.Session"),
        ("def late():\n    import asyncpg\n", "imports asyncpg"),
    ],
)
def test_a_contract_that_imports_a_store_is_found(check, head: str, said: str) -> None:
    [line] = leaks(head)

    assert f"contract-store-type: the contract of 'mill' {said}." in line


@pytest.mark.parametrize(
    ("parameter", "reply", "said"),
    [
        ("n: int", "sqlite3.Row", "has a reply of Leaking.get_it of type sqlite3.Row"),
        ("n: int", "list[sqlite3.Row]", "has a reply of Leaking.get_it of type sqlite3.Row"),
        ("n: 'sqlite3.Row | None'", "int", "has a parameter of Leaking.get_it of type sqlite3.Row"),
        ("n: Row", "int", "has a parameter of Leaking.get_it of type Row"),
    ],
)
def test_a_contract_that_speaks_of_rows_is_found(
    check, parameter: str, reply: str, said: str
) -> None:
    lines = leaks("import sqlite3\nfrom sqlite3 import Row\n", parameter, reply)

    assert any(f"the contract of 'mill' {said}." in line for line in lines)


def test_a_table_of_an_orm_in_a_record_is_found_by_its_class(check) -> None:
    orm = "import sqlite3\nclass Sack(sqlite3.Row): ...\n"
    text = "from town.mill.tables import Sack\nclass Held(Record):\n    sack: Sack\n"

    lines = shown(found({"town/mill/tables.py": orm, "town/mill/contract.py": text}))

    assert any("the contract of 'mill' has a field Held.sack of type Sack." in x for x in lines)


@pytest.mark.parametrize(
    "more",
    [
        "class Transaction(Record):\n    cents: int\nclass Paid(Record):\n    by: Transaction\n",
        "from typing import Literal\nclass Kept(Record):\n    where: Literal['sqlite3.Row']\n",
        "class Store(Record):\n    street: str\n",
    ],
)
def test_a_contract_of_its_own_words_is_left_alone(check, more: str) -> None:
    assert check({"town/mill/contract.py": more}).findings == []


def test_a_service_of_one_module_may_import_what_its_class_needs(check) -> None:
    needs = "import sqlite3\nfrom outgrow import Store, Transaction\n"
    keeps = "class Keeping:\n    async def _unit(self, tx: Transaction) -> sqlite3.Row: ...\n"

    assert check({"lonely.py": needs + keeps}).findings == []


def test_a_service_of_one_module_leaks_by_its_type_hints(check) -> None:
    text = "import sqlite3\nclass Kept(Record):\n    row: sqlite3.Row\n"

    lines = shown(found({"lonely.py": f"from outgrow import Record\n{text}"}))

    assert any("the contract of 'lonely' has a field Kept.row of type sqlite3" in x for x in lines)
