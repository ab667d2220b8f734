"""Rooms are entered through their doors, and every outside package has its homes."""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.architecture.house import SOURCE, Import, imports, plant

EVERYWHERE = ("",)
HOMES = {
    "alembic": ("store/alchemy/",),
    "annotated_types": ("contracts/",),  # limits
    "asyncpg": ("store/creating/", "store/postgres/"),
    "cryptography": ("identity/certificates/",),
    "google": ("calls/grpc/", "calls/protobuf/"),  # protobuf
    "grpc": ("calls/grpc/",),
    "grpc_health": ("calls/grpc/",),
    "grpc_reflection": ("calls/grpc/",),
    "grimp": ("process/checking/",),  # outgrow check
    "msgspec": EVERYWHERE,  # data and JSON
    "nats": ("discovery/nats/", "journal/nats/", "nats/"),
    "pytest": ("testing/",),
    "pytest_asyncio": ("testing/",),
    "rich": ("cli/",),
    "sqlalchemy": ("store/alchemy/",),
    "sqlglot": ("process/checking/",),  # tables in SQL
    "swagger_ui_bundle": ("gateway/",),
    "typer": ("cli/",),
    "uvicorn": ("gateway/",),
    "uvloop": ("process/", "cli/"),
}


def violations(source: Path) -> Iterator[str]:
    for found in imports(source):
        package = found.target.partition(".")[0]
        if found.relative:
            yield f"{found.where} imports {found.target!r}; write the full name"
        elif package == "outgrow":
            yield from _inside(source, found)
        elif package not in sys.stdlib_module_names:
            yield from _outside(found, package)


def _inside(source: Path, found: Import) -> Iterator[str]:
    if found.here == "__init__.py":
        room = None  # the public door may look in, through doors like everyone
    elif found.target == "outgrow":
        yield f"{found.where} imports the public door; only users do that"
        return
    else:
        room = PurePosixPath(found.here).parent
    target = PurePosixPath(*found.target.split(".")[1:])
    is_door = (source / target / "__init__.py").exists()
    is_ground = len(target.parts) == 1 and not is_door
    at_home = room is not None and (target.parent == room or target.parent in room.parents)
    if is_door and room is not None and (target == room or target in room.parents):
        yield f"{found.where} imports its own door; import the file beside it"
    elif not is_door and not is_ground and not at_home:
        yield f"{found.where} reaches into {found.target}; import outgrow.{target.parts[0]}"


def _outside(found: Import, package: str) -> Iterator[str]:
    homes = HOMES.get(package)
    if homes is None:
        yield f"{found.where} imports {package}, which has no home; add it to HOMES"
    elif not found.here.startswith(homes):
        yield f"{found.where} imports {package}; only {', '.join(homes)} may"


def test_rooms_are_entered_through_their_doors() -> None:
    found = list(violations(SOURCE))

    assert not found, "\n- ".join(["", *found])


def _house(tmp_path: Path, here: str, line: str) -> Path:
    texts = {
        "__init__.py": "from outgrow.store import Store\n",
        "errors.py": "",
        "store/__init__.py": "from outgrow.store.on import on\n",
        "store/on.py": "",
        "store/rows.py": "import msgspec\nfrom outgrow.errors import NoSuchRow\n",
        "calls/__init__.py": "",
        "calls/client.py": "from outgrow.calls.grpc import serve\n",
        "calls/grpc/__init__.py": "from outgrow.calls.grpc.server import serve\n",
        "calls/grpc/server.py": "import grpc\nfrom outgrow.calls.client import Client\n",
        "journal/__init__.py": "",
        "journal/relay.py": "from outgrow.store import Store, on\nfrom outgrow import errors\n",
    }
    return plant(tmp_path, texts | {here: f"{texts.get(here, '')}{line}\n"})


def test_a_good_house_has_no_violations(tmp_path: Path) -> None:
    assert not list(violations(_house(tmp_path, "journal/inbox.py", "import asyncio")))


@pytest.mark.parametrize(
    ("here", "line", "expected"),
    [
        ("journal/relay.py", "from outgrow.store.rows import Row", "reaches into"),
        ("journal/relay.py", "import outgrow.store.rows", "reaches into"),
        ("journal/relay.py", "from outgrow.store import rows", "reaches into"),
        ("journal/relay.py", "from outgrow.calls.grpc.server import x", "reaches into"),
        ("__init__.py", "from outgrow.journal.relay import Relay", "reaches into"),
        ("calls/client.py", "from outgrow.calls.grpc.server import x", "reaches into"),
        ("store/rows.py", "from outgrow.store import Store", "its own door"),
        ("calls/grpc/server.py", "from outgrow.calls import Client", "its own door"),
        ("calls/grpc/server.py", "from outgrow.calls.grpc import serve", "its own door"),
        ("store/rows.py", "def late():\n    from .rows import Row", "write the full name"),
        ("store/rows.py", "from outgrow import Store", "the public door"),
        ("store/rows.py", "import outgrow", "the public door"),
        ("store/rows.py", "import grpc.aio", "only calls/grpc/ may"),
        (
            "calls/client.py",
            "from google.protobuf import message",
            "only calls/grpc/, calls/protobuf/ may",
        ),
        ("store/rows.py", "import redis", "which has no home"),
    ],
)
def test_a_way_around_a_door_is_found(tmp_path: Path, here: str, line: str, expected: str) -> None:
    found = list(violations(_house(tmp_path, here, line)))

    assert len(found) == 1
    assert expected in found[0]
    assert found[0].startswith(here)
