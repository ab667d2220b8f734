"""Settings come from several places, and the later place wins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from annotated_types import Ge

from outgrow.contracts import Secret
from outgrow.errors import Finding
from outgrow.topology import Settings, fill_settings


class PaymentSettings(Settings):
    limit_cents: Annotated[int, Ge(1)] = 100
    is_strict: bool = False
    token: Secret[str]


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTGROW_SECRETS", str(tmp_path))
    (tmp_path / "payments.token").write_text("t0ken\n")
    return tmp_path


def fill(table: dict[str, object]) -> tuple[PaymentSettings | None, list[Finding]]:
    findings: list[Finding] = []
    return fill_settings(PaymentSettings, "payments", table, "outgrow.toml:9", findings), findings


def test_what_is_said_nowhere_has_its_default() -> None:
    settings, findings = fill({})

    assert findings == []
    assert settings == PaymentSettings(token=Secret("t0ken"))


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTGROW_PAYMENTS_LIMIT_CENTS", "7")
    monkeypatch.setenv("OUTGROW_PAYMENTS_IS_STRICT", "true")

    settings, _ = fill({"limit_cents": 5})

    assert settings is not None
    assert (settings.limit_cents, settings.is_strict) == (7, True)


def test_a_secret_wins_over_the_environment_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTGROW_PAYMENTS_TOKEN", "other")

    settings, _ = fill({})

    assert settings is not None
    assert settings.token.reveal() == "t0ken"
    assert "t0ken" not in repr(settings)


def test_everything_that_is_wrong_is_found_at_once(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "payments.token").unlink()
    monkeypatch.setenv("OUTGROW_PAYMENTS_LIMIT_CENTS", "many")

    settings, findings = fill({"colour": "red", "is_strict": "yes"})

    assert settings is None
    assert [(f.place, f.slug) for f in findings] == [
        ("outgrow.toml:9", "unknown-setting"),
        ("OUTGROW_PAYMENTS_LIMIT_CENTS", "setting-type"),
        ("outgrow.toml:9", "setting-type"),
        ("outgrow.toml:9", "setting-missing"),
    ]
    assert "OUTGROW_PAYMENTS_TOKEN" in findings[-1].remedy


def test_a_value_out_of_its_limits_is_refused() -> None:
    settings, findings = fill({"limit_cents": 0})

    assert settings is None
    assert "limit_cents: 0 is not at least 1" in findings[0].message
