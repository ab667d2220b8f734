"""What ``[calls]`` of outgrow.toml says holds key by key, the narrower section first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outgrow.contracts import Contract, query, read_contract
from outgrow.errors import InvalidTopology
from outgrow.topology import CallSettings, method_findings, read_topology

GOOD = '[app]\nname = "shop"\nservices = ["shop.desk", "shop.orders"]\n'


class Desk(Contract):
    """A contract with and without a deadline of its own."""

    @query()
    async def ask(self) -> int: ...
    @query(deadline="30s")
    async def report(self) -> int: ...
    @query()
    def follow(self) -> AsyncIterator[int]: ...


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outgrow.toml"


def calls(file: Path, text: str):
    file.write_text(GOOD + text)
    return read_topology(file).calls


def test_who_says_nothing_has_what_needs_no_thought(file: Path) -> None:
    assert calls(file, "").of("orders", "place") == CallSettings(
        deadline_seconds=None, concurrency=None, retries=0.1, ejection=True, compression="none"
    )


def test_the_narrower_section_wins_key_by_key(file: Path) -> None:
    said = calls(
        file,
        '[calls]\ndeadline = "5s"\nretries = 0\n'
        '[calls.orders]\ndeadline = "2s"\ncompression = "gzip"\nejection = false\n'
        '[calls.orders.place]\ndeadline = "500ms"\nconcurrency = 20\n',
    )

    assert said.of("desk", "ask") == CallSettings(deadline_seconds=5.0, retries=0.0)
    service = CallSettings(deadline_seconds=2.0, retries=0.0, ejection=False, compression="gzip")
    assert said.of("orders", "list") == said.of("orders") == service
    place = said.of("orders", "place")
    assert (place.deadline_seconds, place.concurrency, place.retries) == (0.5, 20, 0.0)


def test_a_deadline_of_the_contract_yields_to_that_of_the_method_alone(file: Path) -> None:
    model = read_contract(Desk)
    of_all = f'[calls]\ndeadline = "5s"\n[calls.{model.service}]\ndeadline = "2s"\n'
    file.write_text(GOOD.replace("shop.desk", f"shop.{model.service}") + of_all)
    (applied,) = read_topology(file).calls.apply([model])

    assert applied.methods["ask"].deadline_seconds == 2.0
    assert applied.methods["report"].deadline_seconds == 30.0
    assert applied.methods["follow"].deadline_seconds is None, "streams are no calls of seconds"
    with file.open("a") as more:
        more.write(f'[calls.{model.service}.report]\ndeadline = "1m"\n')
        more.write(f'[calls.{model.service}.follow]\ndeadline = "1h"\n')
    (applied,) = read_topology(file).calls.apply([model])
    assert applied.methods["report"].deadline_seconds == 60.0
    assert applied.methods["follow"].deadline_seconds == 3_600.0
    assert model.methods["ask"].deadline_seconds is None


def test_what_is_wrong_is_said_with_its_line_all_at_once(file: Path) -> None:
    file.write_text(
        GOOD
        + '[calls]\ndeadlin = "5s"\nconcurrency = 0\n'
        + '[calls.order]\ndeadline = "2s"\n'
        + '[calls.orders]\ndeadline = 2\nretries = 2\nejection = "no"\ncompression = "br"\n'
        + '[calls.orders.place]\nretries = 0\ndeadline = "soon"\nconcurrency = true\n'
    )
    with pytest.raises(InvalidTopology) as raised:
        read_topology(file)
    found = [str(f).removeprefix(f"{file}:") for f in raised.value.findings]

    assert [line.split(":")[0] for line in found] == [
        "5", "6", "7", "10", "11", "12", "13", "15", "16", "17"
    ]  # fmt: skip
    assert "unknown key 'deadlin' in [calls]" in found[0]
    assert 'Did you mean "deadline"?' in found[0]
    assert "'concurrency' in [calls] is 0" in found[1]
    assert "calls of 'order', which is no service of this application" in found[2]
    assert 'It should be a duration in quotes, such as "2s"' in found[3]
    assert "It holds for a whole service: write it in [calls.orders]" in found[7]


def test_a_method_that_no_contract_has_is_found_where_it_is_written(file: Path) -> None:
    model = read_contract(Desk)
    file.write_text(
        GOOD.replace("shop.desk", f"shop.{model.service}")
        + f'[calls.{model.service}.reprt]\ndeadline = "2s"\n[calls.orders.what]\nconcurrency = 1\n'
    )
    (finding,) = method_findings(read_topology(file).calls, [model])

    assert finding.place == f"{file}:4"
    assert finding.slug == "unknown-method"
    assert 'Did you mean "report"?' in finding.remedy


def test_a_limit_that_would_not_hold_for_a_method_with_a_stream_is_found(file: Path) -> None:
    model = read_contract(Desk)
    file.write_text(
        GOOD.replace("shop.desk", f"shop.{model.service}")
        + f'[calls.{model.service}.follow]\ndeadline = "2s"\nconcurrency = 8\n'
        + f"[calls.{model.service}.report]\nconcurrency = 8\n"
    )
    (finding,) = method_findings(read_topology(file).calls, [model])

    assert (finding.place, finding.slug) == (f"{file}:4", "stream-concurrency")

    file.write_text(file.read_text().replace("concurrency = 8", 'concurrency = "adaptive"', 1))
    assert method_findings(read_topology(file).calls, [model]) == []


def test_what_is_shown_of_a_method_with_a_stream_is_what_holds_for_it(file: Path) -> None:
    model = read_contract(Desk)
    file.write_text(
        GOOD.replace("shop.desk", f"shop.{model.service}")
        + '[calls]\nconcurrency = 8\ncompression = "gzip"\n'
    )
    told = read_topology(file).calls.shown([model])

    shown = {name: (said["concurrency"], said["compression"]) for name, said in told.items()}
    assert shown == {
        f"{model.service}.ask": (8, "gzip"),
        f"{model.service}.report": (8, "gzip"),
        f"{model.service}.follow": (None, "none"),
    }
