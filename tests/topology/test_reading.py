"""What is wrong with outgrow.toml is said at once, with its line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgrow.errors import InvalidTopology
from outgrow.topology import Address, read_topology

GOOD = '[app]\nname = "shop"\nservices = ["shop.users", "shop.orders"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outgrow.toml"


def refused(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(InvalidTopology) as raised:
        read_topology(file)
    return [str(finding).removeprefix(f"{file}:") for finding in raised.value.findings]


def test_a_plan_names_services_by_the_last_part_of_their_packages(file: Path) -> None:
    file.write_text(GOOD + '[gateway]\nhttp = "127.0.0.1:8080"\n[settings.users]\nlimit = 5\n')

    plan = read_topology(file)

    assert plan.application == "shop"
    assert plan.services == {"users": "shop.users", "orders": "shop.orders"}
    assert plan.http == Address(host="127.0.0.1", port=8080)
    assert plan.settings == {"users": {"limit": 5}}
    assert plan.folder == file.parent


def test_without_an_address_nothing_is_listened_on(file: Path) -> None:
    file.write_text(GOOD)

    assert read_topology(file).http is None
    assert str(read_topology(file, http="[::1]:0").http) == "[::1]:0"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidTopology, match=r"nowhere\.toml:1: there is no such file"):
        read_topology(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_toml_is_refused_with_its_line(file: Path) -> None:
    (finding,) = refused(file, "[app]\nname = shop\n")

    assert finding.startswith("2: ")


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidTopology, match="cannot be read"):
        read_topology(file)


def test_all_findings_come_at_once_with_their_lines(file: Path) -> None:
    findings = refused(
        file,
        '[app]\nname = "Shop!"\nservices = ["shop.users", "other.users", "no-package", 7]\n'
        'colour = "red"\n[gatewey]\n[gateway]\nhttp = "here"\n[settings.user]\n',
    )

    assert [finding.split("\n")[0] for finding in findings] == [
        "5: unknown section [gatewey].",
        "4: unknown key 'colour' in [app].",
        "2: the application's name is 'Shop!'.",
        "3: two services are called 'users'.",
        "3: 'no-package' is no dotted name of a Python package.",
        "1: 7 is no dotted name of a Python package.",
        "7: http is 'here'.",
        "8: settings of 'user', which is no service of this application.",
    ]
    assert 'Did you mean "gateway"?' in findings[0]
    assert 'Did you mean "users"?' in findings[-1]


def test_a_key_of_the_wrong_type_is_refused(file: Path) -> None:
    (finding,) = refused(file, '[app]\nname = "shop"\nservices = "shop.users"\n')

    assert finding.startswith("3: 'services' is 'shop.users'.")
    assert "a list" in finding


def test_a_section_that_is_a_value_is_refused(file: Path) -> None:
    findings = refused(file, 'gateway = "127.0.0.1:80"\n' + GOOD)

    assert "'gateway' is no section" in findings[0]


def test_an_application_without_services_is_refused(file: Path) -> None:
    (finding,) = refused(file, '[app]\nname = "shop"\n')

    assert "no service is named" in finding


@pytest.mark.parametrize("http", ["8080", ":8080", "localhost", "localhost:http", "h:70000"])
def test_an_address_needs_a_host_and_a_port(file: Path, http: str) -> None:
    (finding,) = refused(file, f'{GOOD}[gateway]\nhttp = "{http}"\n')

    assert f"http is {http!r}" in finding
