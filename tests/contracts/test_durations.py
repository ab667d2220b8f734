"""Durations and bindings, as people write them."""

import pytest

from outgrow.contracts import parse_duration
from outgrow.contracts.declarations import parse_binding


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("24h", 86400), ("7d", 604800)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "2", "s", "-2s", "0s", "0.0s", "2 s", "2S", "1e3s", "2s3s", "٣s\n"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration.* ms, s, m, h and d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["GET /", "POST /a", "DELETE /a/{b_1}/c-d.e~f", "PATCH /{x}"])
def test_a_binding_is_a_verb_and_a_path(text: str) -> None:
    binding = parse_binding(text)

    assert f"{binding.verb} {binding.path}" == text


def test_a_binding_knows_the_parameters_of_its_path() -> None:
    assert parse_binding("GET /a/{b}/c/{d_e}").path_parameters == ("b", "d_e")


@pytest.mark.parametrize(
    "text",
    ["", "GET", "/a", "get /a", "GET a", "GET /a/", "GET //a", "GET /a?b", "GET /{A}", "GET /{a}b",
     "GET /{}", "HEAD /a", "GET  /a", "GET /a b", "GET /é", "GET /a\n"],
)  # fmt: skip
def test_what_is_no_binding_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no HTTP binding"):
        parse_binding(text)
