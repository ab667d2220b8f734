"""Where stores live: for all services or by service, by file or by environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgrow.errors import InvalidTopology
from outgrow.topology import Plan, read_topology, shown

APP = '[app]\nname = "shop"\nservices = ["shop.users", "shop.orders", "shop.stock"]\n'
SPLIT = '[topology.split]\n{}\n[topology.split.process.a]\nservices = ["*"]\n'
SERVER = "postgresql://10.0.0.7:5432"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outgrow.toml"


def read(file: Path, app: str = "", topology: str | None = None) -> Plan:
    text = APP + app + "\n"
    file.write_text(text + (SPLIT.format(topology) if topology is not None else ""))
    return read_topology(file)


def refused(file: Path, app: str = "", topology: str | None = None) -> list[str]:
    with pytest.raises(InvalidTopology) as raised:
        read(file, app, topology)
    return [str(finding).removeprefix(f"{file}:") for finding in raised.value.findings]


def test_stores_are_sqlite_if_nothing_is_said(file):
    plan = read(file, topology="")

    everywhere = dict.fromkeys(["users", "orders", "stock"], "sqlite")
    assert plan.stores == everywhere
    assert plan.topologies["split"].stores == everywhere


@pytest.mark.parametrize("place", ["postgres", SERVER, "postgresql://[::1]:5432"])
def test_one_text_says_it_for_all_services(file, place):
    assert set(read(file, f'store = "{place}"').stores.values()) == {place}


def test_a_table_says_it_by_service_and_a_star_for_all_others(file):
    plan = read(file, f'store = {{ orders = "{SERVER}", "*" = "postgres" }}')

    assert plan.stores == {"users": "postgres", "orders": SERVER, "stock": "postgres"}


def test_a_table_may_be_a_section_and_without_a_star_the_others_stay(file):
    plan = read(file, '[app.store]\norders = "postgres"')

    assert plan.stores == {"users": "sqlite", "orders": "postgres", "stock": "sqlite"}


def test_a_topology_says_it_otherwise_or_as_the_application_does(file):
    app = 'store = { orders = "postgres" }'

    assert read(file, app, "").topologies["split"].stores["orders"] == "postgres"
    stores = read(file, app, 'store = { stock = "postgres" }').topologies["split"].stores
    assert stores == {"users": "sqlite", "orders": "postgres", "stock": "postgres"}
    stores = read(file, app, 'store = "sqlite"').topologies["split"].stores
    assert set(stores.values()) == {"sqlite"}


def test_the_environment_wins_everywhere(file, monkeypatch):
    url = "postgresql://shop_orders:secret@10.0.0.7/shop_orders"
    monkeypatch.setenv("OUTGROW_STORE_ORDERS", url)

    plan = read(file, 'store = "postgres"', 'store = "sqlite"')

    assert plan.stores == {"users": "postgres", "orders": url, "stock": "postgres"}
    assert plan.topologies["split"].stores["orders"] == url


def test_what_is_wrong_in_the_environment_is_told_by_its_variable(file, monkeypatch):
    monkeypatch.setenv("OUTGROW_STORE_ORDERS", "mysql://me:secret@10.0.0.7")

    (finding,) = refused(file)

    assert finding.startswith("OUTGROW_STORE_ORDERS: store is 'mysql://me@10.0.0.7'.")
    assert "secret" not in finding


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("oracle", "4: store is 'oracle'."),
        ("", "4: store is ''."),
        ("postgresql://", "4: store is 'postgresql://', which names no host."),
        ("postgresql://h:port", "4: store is 'postgresql://h:port', and 'h:port' is no host"),
        ("postgresql://h:70000", "4: store is 'postgresql://h:70000', and 'h:70000' is no host"),
        ("postgresql://a,b:0", "4: store is 'postgresql://a,b:0', and 'b:0' is no host"),
        ("postgresql://h/a/b", "4: store is 'postgresql://h/a/b'; what follows the host"),
        ("postgresql://[1::2", "4: store is 'postgresql://[1::2': Invalid IPv6 URL"),
        ("postgresql://me:secret@h/a/b", "4: store is 'postgresql://me@h/a/b'; what follows"),
    ],
)
def test_a_place_that_is_none_is_refused(file, place, told):
    (finding,) = refused(file, f'store = "{place}"')

    assert finding.startswith(told)
    assert "postgresql://10.0.0.7:5432" in finding
    assert "secret" not in finding


def test_several_hosts_and_sockets_are_places(file):
    url = "postgresql://a:5432,b:5433?target_session_attrs=read-write"
    assert read(file, f'store = "{url}"').stores["users"] == url
    url = "postgresql://?host=/run/postgresql"
    assert read(file, f'store = "{url}"').stores["users"] == url


def test_services_that_share_a_database_or_a_role_are_refused(file):
    found = refused(file, 'store = "postgresql://me:secret@h/shop"', 'store = "postgresql://h/x"')

    assert found[0].startswith("4: services 'users' and 'orders' and 'stock' share")
    assert found[1].startswith("6: services 'users' and 'orders' and 'stock' share")
    assert "secret" not in "".join(found)


def test_two_services_with_one_database_each_are_fine(file):
    text = '{ users = "postgresql://u@h/users", orders = "postgresql://o@h/orders" }'
    assert read(file, f"store = {text}").stores["stock"] == "sqlite"


def test_all_findings_about_stores_come_at_once_with_their_lines(file):
    app = '[app.store]\norder = "postgres"\nusers = "here"\nstock = 3'

    findings = refused(file, app, "store = 3")

    assert [finding.split("\n")[0] for finding in findings] == [
        "5: a store of 'order', which is no service of this application.",
        "6: store is 'here'.",
        "7: a store is 3.",
        "9: 'store' is 3.",
    ]
    assert 'Did you mean "orders"?' in findings[0]


def test_a_place_is_shown_without_its_password():
    assert shown("postgresql://me:p%40ss@h:1/d") == "postgresql://me@h:1/d"
    assert shown("postgresql://h:1/d") == "postgresql://h:1/d"
    assert shown("postgresql://h/d?user=me&password=p%40ss") == "postgresql://h/d?user=me"
    assert shown("postgresql://h/d?password=p&user=me") == "postgresql://h/d?user=me"
    assert shown("postgresql://h/d?password=p") == "postgresql://h/d"
    assert shown("sqlite") == "sqlite"
