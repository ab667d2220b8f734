"""What is wrong with a topology is said at once, with its line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgrow.errors import InvalidTopology
from outgrow.journal.schema import PARTITIONS
from outgrow.process.supervision.seats import Seats
from outgrow.topology import Address, Topology, read_topology
from outgrow.topology.plan import REPLICAS_MAX

APP = '[app]\nname = "shop"\nservices = ["shop.users", "shop.orders", "shop.stock"]\n'
SHOP = Path(__file__).parents[2] / "examples" / "shop" / "outgrow.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outgrow.toml"


def read(file: Path, text: str) -> Topology:
    file.write_text(APP + text)
    return read_topology(file).topologies["split"]


def refused(file: Path, text: str, app: str = APP) -> list[str]:
    file.write_text(app + text)
    with pytest.raises(InvalidTopology) as raised:
        read_topology(file)
    return [str(finding).removeprefix(f"{file}:") for finding in raised.value.findings]


def split(*lines: str) -> str:
    return "\n".join(
        ["[topology.split]", *lines, '[topology.split.process.all]\nservices = ["*"]\n']
    )


def test_the_shop_is_divided_as_its_file_says() -> None:
    topology = read_topology(SHOP).topologies["split"]

    assert topology.broker == "nats"
    assert topology.gateway == "front"
    assert topology.processes["front"].services == ("users", "orders")
    assert topology.processes["back"].services == ("stock", "payments", "shipping", "notifications")
    assert topology.processes["back"].http == Address(host="127.0.0.1", port=0)
    assert topology.process_of("stock") == "back"


def test_services_keep_the_order_of_the_application(file: Path) -> None:
    topology = read(
        file,
        '[topology.split.process.one]\nservices = ["stock", "users"]\nhttp = "[::1]:81"\n'
        '[topology.split.process.two]\nservices = ["orders"]\nreplicas = 1\n',
    )

    assert topology.processes["one"].services == ("users", "stock")
    assert topology.processes["one"].http == Address(host="::1", port=81)
    assert topology.gateway is None


def test_a_process_has_as_many_replicas_and_their_weights_as_it_says(file: Path) -> None:
    (alone,) = read(file, split()).processes.values()
    (equal,) = read(file, split() + "replicas = 3\nweight = 7\n").processes.values()
    (unequal,) = read(file, split() + "replicas = 3\nweight = [50, 100, 0]\n").processes.values()

    assert (alone.replicas, alone.weights) == (1, (100,))
    assert (equal.replicas, equal.weights) == (3, (7, 7, 7))
    assert (unequal.replicas, unequal.weights) == (3, (50, 100, 0))


def test_there_are_no_more_replicas_than_partitions() -> None:
    assert REPLICAS_MAX == PARTITIONS


def test_processes_find_each_other_by_nats_unless_it_is_said(file: Path) -> None:
    assert read(file, split()).discovery == "nats"
    assert read(file, split('discovery = "static"')).discovery == "static"


def test_two_installations_on_one_server_have_environments_of_their_own(file: Path) -> None:
    assert read(file, split()).environment == "local"
    plan = read_topology(file)
    topology = read(file, split('environment = "blue_2"'))

    assert topology.environment == "blue_2"
    seating = Seats(seats={}, sockets={}).seating(plan, topology, "nats://127.0.0.1:1")
    assert seating.environment == "blue_2"


@pytest.mark.parametrize("url", ["nats://10.0.0.7:4222", "nats://me@nats.example", "tls://n:1"])
def test_a_broker_that_runs_elsewhere_is_named_by_its_url(file: Path, url: str) -> None:
    assert read(file, split(f'broker = "{url}"')).broker == url


@pytest.mark.parametrize("url", ["kafka", "nats://", "http://host:1", "nats://host:port", ""])
def test_a_broker_that_is_no_url_of_nats_is_refused(file: Path, url: str) -> None:
    (finding,) = refused(file, split(f'broker = "{url}"'))

    assert finding.startswith(f"5: broker is {url!r}.")
    assert "nats://10.0.0.7:4222" in finding


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nat://orders:hunter2@host:4222", "nat://host:4222"),
        ("nats://orders:hun/ter2@host:4222", "nats://host:4222"),
        ("nats://orders:hun#t@er2@host:4222", "nats://host:4222"),
        ("nats://orders:hunter2@host:99999", "nats://host:99999"),
        ("orders:hunter2@host", "host"),
        ("hunter2@", ""),
    ],
)
def test_the_password_of_a_broker_is_not_shown(file: Path, url: str, shown: str) -> None:
    (finding,) = refused(file, split(f'broker = "{url}"'))

    assert finding.startswith(f"5: broker is {shown!r}.")


def test_all_findings_about_a_topology_come_at_once_with_their_lines(file: Path) -> None:
    findings = refused(
        file,
        "[topology.split]\n"
        'store = "oracle"\n'
        'discovery = "consul"\n'
        'gateway = "frond"\n'
        "brokers = 3\n"
        "[topology.split.process.front]\n"
        'services = ["users", "orders", "stok"]\n'
        'http = "here"\n'
        "[topology.split.process.back]\n"
        'services = ["orders"]\n'
        "replicas = 99\n"
        "[topology.split.process.idle]\n"
        "[topology.split.process.supervisor]\n"
        "[topology.split.process.Big]\n",
    )

    assert [finding.split("\n")[0] for finding in findings] == [
        "8: unknown key 'brokers' in [topology.split].",
        "6: discovery is 'consul'.",
        "16: a process is called 'supervisor'.",
        "17: a process is called 'Big'.",
        "7: gateway 'frond' is no process of topology 'split'.",
        "10: process 'front' places 'stok', which is no service.",
        "13: service 'orders' is placed twice: in 'front' and in 'back'.",
        "4: topology 'split' places these services nowhere: stock.",
        "15: process 'idle' has no service.",
        "5: store is 'oracle'.",
        "11: http is 'here'.",
        "14: replicas is 99.",
    ]
    assert "postgresql://10.0.0.7:5432" in findings[-3]
    assert "from 1 to 32" in findings[-1]
    assert 'Did you mean "front"?' in findings[4]
    assert 'Did you mean "stock"?' in findings[5]
    assert 'services = ["*"]' in findings[7]


def test_two_processes_cannot_both_take_all_others(file: Path) -> None:
    findings = refused(file, split() + '[topology.split.process.more]\nservices = ["*"]\n')

    assert findings[0].startswith("8: 'all' and 'more' both take all others")


def test_all_others_may_not_be_nobody(file: Path) -> None:
    text = '[topology.split.process.one]\nservices = ["users", "orders", "stock"]\n'
    (finding,) = refused(file, text + '[topology.split.process.two]\nservices = ["*"]\n')

    assert finding.startswith("7: process 'two' has no service.")
    assert "All services are named elsewhere" in finding


def test_a_topology_without_processes_is_refused(file: Path) -> None:
    (finding,) = refused(file, "[topology.split]\n")

    assert finding.startswith("4: topology 'split' has no process.")


def test_an_application_that_answers_http_needs_a_gateway(file: Path) -> None:
    (finding,) = refused(file, split() + '[gateway]\nhttp = "127.0.0.1:0"\n')

    assert finding.startswith("4: topology 'split' does not say which process answers")
    assert 'gateway = "all"' in finding


def test_a_gateway_answers_at_one_address(file: Path) -> None:
    text = split('gateway = "all"') + 'http = "127.0.0.1:81"\n[gateway]\nhttp = "127.0.0.1:80"\n'
    (finding,) = refused(file, text)

    assert finding.startswith("8: process 'all' is the gateway, and answers where [gateway] http")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[topology]\nsplit = "yes"\n', "5: 'split' is no section."),
        ("[topology.Split]\n", "4: a topology is called 'Split'."),
        (
            '[topology.split.process]\nfront = "users"\n',
            "5: process 'front' is no section.",
        ),
        (split("broker = 4222"), "5: 'broker' is 4222."),
        (split("environment = 'a-b'"), "5: environment is 'a-b'."),
        (split() + 'replicas = "2"\n', "7: 'replicas' is '2'."),
        (split() + "replicas = true\n", "7: 'replicas' is True."),
        (split() + "replicas = 0\n", "7: replicas is 0."),
        (split() + "replicas = 33\n", "7: replicas is 33."),
        (split() + 'weight = "2"\n', "7: 'weight' is '2'."),
        (split() + "weight = -1\n", "7: weight of process 'all' is -1, for 1 of it."),
        (split() + "weight = 0\n", "7: weight of process 'all' is 0, for 1 of it."),
        (split() + "weight = 1001\n", "7: weight of process 'all' is 1001, for 1 of it."),
        (split() + "weight = [1, 1]\n", "7: weight of process 'all' is [1, 1], for 1 of it."),
        (split() + "weight = [true]\n", "7: weight of process 'all' is [True], for 1 of it."),
        (split() + "replicas = 2\nweight = [0, 0]\n", "8: weight of process 'all' is [0, 0]"),
        (split("discovery = 'dns'"), "5: discovery is 'dns'."),
        (split() + "replicass = 1\n", "7: unknown key 'replicass' in [topology.split.process.all]"),
        ('topology = "split"\n', "1: 'topology' is no section."),
    ],
)
def test_what_is_written_otherwise_is_refused(file: Path, text: str, expected: str) -> None:
    app = "" if text.startswith("topology =") else APP
    findings = refused(file, text + (APP if not app else ""), app)

    assert findings[0].startswith(expected)


def test_a_list_of_weights_is_not_counted_if_the_number_of_replicas_is_wrong(file: Path) -> None:
    findings = refused(file, split() + "replicas = 33\nweight = [1, 2]\n")

    assert [finding.partition(".")[0] for finding in findings] == ["7: replicas is 33"]
