"""What is wrong with a program is said before anything starts, all at once."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from outgrow.contracts import public_events, read_contract
from outgrow.errors import DefinitionError, InvalidService, InvalidTopology
from outgrow.process import Options, start_application
from outgrow.process.application import Application
from outgrow.process.loading import load_services
from outgrow.topology import read_topology

HEAD = """
from outgrow import *
class Prices(Contract):
    @query()
    async def get_price(self, item: str) -> int: ...
"""


async def refused(file) -> str:
    with pytest.raises(DefinitionError) as raised:
        async with start_application(read_topology(file), Options()):
            pass
    return str(raised.value)


async def test_a_service_that_cannot_be_imported_is_named(write) -> None:
    file = write(prices=HEAD)
    file.write_text('[app]\nname = "tried"\nservices = ["no_such_service", "nor_this"]\n')

    text = await refused(file)

    assert "service 'no_such_service' cannot be imported" in text
    assert "service 'nor_this' cannot be imported" in text
    assert "2 findings" in text


async def test_a_replica_over_an_sqlite_file_is_refused_before_it_is_opened(write) -> None:
    body = (
        "@service\nclass S(Prices):\n    {}async def get_price(self, item: str) -> int: return 1\n"
    )
    file = write(
        stored_one=HEAD + body.format("store: Store\n    "), stateless_one=HEAD + body.format("")
    )
    plan, two = read_topology(file), Options(replicas=2)

    with pytest.raises(InvalidTopology) as raised:
        Application(plan, two)

    assert "2 replicas would share the SQLite file of 'stored_one'." in str(raised.value)
    Application(plan, replace(two, hosted=frozenset({"stateless_one"})))
    Application(plan, replace(two, stores={"stored_one": "postgresql://host"}))


async def test_a_module_that_raises_is_named_with_its_line(write) -> None:
    file = write(broken_one="x = 1\ny = x / 0\n")

    text = await refused(file)

    assert "broken_one.py:2: service 'broken_one' cannot be imported: ZeroDivisionError" in text


async def test_a_module_without_a_service_class_is_named(write) -> None:
    file = write(empty_one=HEAD)

    assert "service 'empty_one' has no class marked @service" in await refused(file)


async def test_a_missing_method_is_found(write) -> None:
    file = write(missing_one=HEAD + "@service\nclass S(Prices): ...\n")

    text = await refused(file)

    assert "missing_one.py:6" in text
    assert "S does not implement Prices.get_price" in text


async def test_parameters_that_are_named_otherwise_are_found(write) -> None:
    body = "@service\nclass S(Prices):\n    async def get_price(self, name: str) -> int: return 1\n"
    file = write(renamed_one=HEAD + body)

    text = await refused(file)

    assert "the parameters of S.get_price are named otherwise" in text
    assert "Callers give them by name: item." in text


async def test_a_field_that_nobody_can_fill_is_found(write) -> None:
    body = """
@service
class S(Prices):
    one: int
    two: Store
    three: Store
    four: int = 5
    async def get_price(self, item: str) -> int: return 1
"""
    file = write(fields_one=HEAD + body)

    text = await refused(file)

    assert "field 'one' of S asks for int, which outgrow cannot give" in text
    assert "S asks for two stores, 'two' and 'three'" in text
    assert "four" not in text


async def test_a_contract_that_no_service_keeps_is_found(write) -> None:
    body = """
from kept_elsewhere.contract import Other
@service
class S(Prices):
    other: Other
    async def get_price(self, item: str) -> int: return 1
"""
    file = write(
        asking_one=HEAD + body,
        kept_elsewhere__contract="from outgrow import *\nclass Other(Contract): ...\n",
        kept_elsewhere____init__="",
    )
    file.write_text('[app]\nname = "tried"\nservices = ["asking_one"]\n')

    text = await refused(file)

    assert "field 'other' of S asks for Other, which no service of this application keeps" in text
    assert "its package is named in [app] services: kept_elsewhere." in text


async def test_handlers_and_transactions_need_a_store(write) -> None:
    body = """
class Done(Event, key=None):
    pass
@service
class S(Prices):
    async def get_price(self, item: str) -> int: return 1
    @transactional
    async def change(self, tx: Transaction) -> None: ...
    @on(Done)
    async def hear(self, tx: Transaction, event: Done) -> None: ...
"""
    assert "S has no store, but needs one for change, hear." in await refused(
        write(storeless_one=HEAD + body)
    )


async def test_a_query_that_writes_is_found(write) -> None:
    body = """
@service
class S(Prices):
    store: Store
    @transactional
    async def get_price(self, tx: Transaction, item: str) -> int: return 1
"""
    text = await refused(write(writing_one=HEAD + body))

    assert "query get_price is implemented as a transaction that writes" in text


async def test_all_findings_of_all_services_come_at_once(write) -> None:
    file = write(
        first_one=HEAD
        + "@service\nclass S(Prices):\n    x: int\n"
        + "    async def get_price(self, item: str) -> int: return 1\n",
        second_one="from outgrow import *\nclass C(Contract):\n"
        "    async def unmarked(self) -> int: ...\n"
        "@service\nclass S(C):\n    async def unmarked(self) -> int: return 1\n",
    )

    with pytest.raises(InvalidService) as raised:
        async with start_application(read_topology(file), Options()):
            pass

    assert {finding.slug for finding in raised.value.findings} == {
        "field-unknown",
        "method-unmarked",
    }


async def test_two_services_may_bind_one_path_only_once(write) -> None:
    body = """
from outgrow import *
class {0}(Contract):
    @query("GET /things")
    async def get(self) -> int: ...
@service
class {0}Service({0}):
    async def get(self) -> int: return 1
"""
    file = write(path_one=body.format("A"), path_two=body.format("B"))

    assert "are both bound to GET /things" in await refused(file)


ELSEWHERE = """
from outgrow import Event
class Moved(Event, key=None):
    to: str
"""
LISTENS = """
from outgrow import *
from mover.events import Moved
@service
class Listener:
    store: Store
    @on(Moved)
    async def hear(self, tx: Transaction, event: Moved) -> None: ...
"""
MOVES = """
from outgrow import *
from mover.contract import Mover
@service
class MoverService(Mover):
    store: Store
    async def get_price(self, item: str) -> int: return 1
"""


@pytest.mark.parametrize("hosted", [None, frozenset({"listener"})])
async def test_an_event_that_no_contract_names_is_private_wherever_its_listener_runs(
    write, hosted: frozenset[str] | None
) -> None:
    file = write(
        mover____init__="",
        mover__events=ELSEWHERE,
        mover__contract=HEAD.replace("Prices", "Mover"),
        mover__service="from mover.events import Moved\n" + MOVES,
        listener=LISTENS,
    )

    with pytest.raises(InvalidService) as raised:
        load_services(read_topology(file), hosted)

    text = str(raised.value)
    assert "listener.py:7: listener.hear listens to Moved, which is private to 'mover'" in text
    assert "mover.contract does not name it" in text
    assert "events.py:3" in text


@pytest.mark.parametrize("hosted", [None, frozenset({"listener"})])
async def test_an_event_that_a_contract_module_imports_from_its_service_is_public(
    write, hosted: frozenset[str] | None
) -> None:
    file = write(
        mover____init__="",
        mover__events=ELSEWHERE,
        mover__contract="from mover.events import Moved\n" + HEAD.replace("Prices", "Mover"),
        mover__service=MOVES,
        listener=LISTENS,
    )

    load_services(read_topology(file), hosted)

    assert [event.__name__ for event in public_events("mover")] == ["Moved"]
    model = read_contract(sys.modules["mover.contract"].Mover)
    assert [event.type for event in model.events] == ["mover.Moved"]


async def test_a_service_carries_its_events_even_if_it_keeps_no_contract(
    write, tmp_path: Path
) -> None:
    file = write(rings=RINGS)
    application = Application(read_topology(file), Options(state=tmp_path))

    assert application._carried("here").events == {"rings": frozenset({"rings.Rang"})}


RINGS = """
from outgrow import *
class Rang(Event, key=None):
    to: str
@service
class Rings:
    store: Store
"""
