"""Papers on disk, and who reads them."""

from __future__ import annotations

import logging
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from outgrow.clock import ManualClock, SystemClock
from outgrow.errors import IdentityRefused
from outgrow.identity import Name, read_name
from outgrow.identity.certificates import Authority, Identity, Issuer, write_papers
from tests.identity.conftest import ended, name_of

PARTS = st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True)


@given(PARTS, PARTS, PARTS, PARTS)
def test_a_name_is_read_as_it_was_written_and_is_like_no_other(a: str, b: str, c: str, d: str):
    name = Name(application=a, environment=b, process=c)
    other = Name(application=a, environment=b, process=d)

    assert read_name(name.uri) == name
    assert (name.dns == other.dns) is (c == d)
    assert all(len(label) <= 63 for label in name.dns.split("."))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://shop.local",
        "spiffe://shop.local/",
        "spiffe://shop.local/front/x",
        "spiffe://shop/front",
        "spiffe://Shop.local/front",
        "spiffe://shop.local/front\n",
        "https://shop.local/front",
        "spiffe://shop.local.x/front",
    ],
)
def test_what_is_no_name_of_ours_is_none(text: str):
    assert read_name(text) is None


def test_a_certificate_says_who_for_how_long_and_what_for(folder: Path):
    clock = ManualClock()
    papers = Authority(clock).issue(name_of("front_door"), ["127.0.0.1"])

    leaf = x509.load_pem_x509_certificate(papers.chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://shop.local/front_door"
    ]
    assert names.get_values_for_type(x509.DNSName) == ["front-door.shop.local.outgrow"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert papers.ends_at == clock.now() + timedelta(hours=12)
    assert papers.begins_at == clock.now() - timedelta(minutes=5)
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    root = x509.load_pem_x509_certificate(papers.authorities)
    leaf.verify_directly_issued_by(root)


def test_nobody_else_can_read_what_is_written(town):
    front = town.identity("front")

    for path in front.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(front.folder.stat().st_mode) == 0o700
    assert {path.name for path in front.folder.iterdir()} == {"tls.key", "tls.crt", "ca.crt"}


def test_what_is_renewed_is_seen_without_being_told(town):
    front = town.identity("front")
    before = front.papers()

    town.issuer.renew(is_forced=True)
    assert front.papers() == before  # It looks once a second.
    front.look_again()

    assert front.generation == before[0] + 1
    assert front.papers()[1].key != before[1].key
    assert front.statistics()["renewed"] == 1


def test_papers_are_renewed_at_half_of_their_life(folder: Path):
    clock = ManualClock()
    told: list[str] = []
    issuer = Issuer(Authority(clock), folder, clock)
    issuer.provide(name_of("front"), told=lambda: told.append("front"))

    clock.advance(6 * 3600 - 60)
    assert issuer.renew() == []
    clock.advance(60)
    assert issuer.renew() == ["front"]
    assert issuer.renew() == []
    assert told == ["front"]
    issuer.remove()
    assert not folder.exists()


def test_papers_that_cannot_be_written_keep_nobody_else_from_new_ones(folder: Path, caplog):
    clock = ManualClock()
    issuer = Issuer(Authority(clock), folder, clock)
    for process in ("a", "b", "c"):
        issuer.provide(name_of(process))
    in_the_way = folder / "a" / "tls.key"
    in_the_way.unlink()
    in_the_way.mkdir()

    clock.advance(6 * 3600)
    assert issuer.renew() == ["b", "c"]
    assert issuer.renew() == []
    assert caplog.text.count("the certificate of a could not be renewed: ") == 1

    in_the_way.rmdir()
    assert issuer.renew() == ["a"]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda f, _: (f / "tls.key").unlink(), "tls.key: it cannot be read: No such file"),
        (lambda f, _: (f / "ca.crt").write_text("nonsense"), "ca.crt: it is no PEM"),
        (lambda f, _: (f / "tls.crt").write_bytes(b"\xff" * 99), "tls.crt: it is no PEM"),
        (lambda f, _: (f / "tls.crt").write_bytes(b"x" * (1024 * 1024 + 1)), "more than 1048576"),
        (lambda f, _: (f / "tls.key").write_text("nonsense"), "tls.key: it is no PEM"),
        (
            lambda f, town: (f / "tls.key").write_bytes(town.authority.issue(name_of("x")).key),
            "the key is not the one of the certificate",
        ),
        (
            lambda f, _: write_papers(f, ended(3600).issue(name_of("front"), seconds=60)),
            "the certificate ended at",
        ),
        (
            lambda f, town: write_papers(f, town.authority.issue(name_of("back"))),
            "it is the certificate of spiffe://shop.local/back",
        ),
    ],
)
def test_papers_that_cannot_be_used_are_refused_and_later_passed_over(town, caplog, spoil, text):
    folder = town.issuer.provide(name_of("front"))
    front = Identity(folder, name_of("front"))
    before = front.papers()
    spoil(folder, town)

    with pytest.raises(IdentityRefused, match=text):
        Identity(folder, name_of("front"))

    for _ in range(3):  # Who runs goes on with what it had, and says so once.
        front.look_again()
        with caplog.at_level(logging.WARNING):
            assert front.papers() == before
    assert len([r for r in caplog.records if text in r.getMessage()]) == 1
    assert "is used on; it ends at" in caplog.text

    town.issuer.renew(is_forced=True)
    front.look_again()
    assert front.generation == before[0] + 1


def test_a_certificate_without_a_name_of_ours_is_refused(town):
    class Elsewhere(Name, frozen=True):
        @property
        def uri(self) -> str:
            return "https://example.com/front"

    elsewhere = Elsewhere(application="shop", environment="local", process="front")
    write_papers(town.folder / "other", town.authority.issue(elsewhere))

    with pytest.raises(IdentityRefused, match="names no process of outgrow"):
        Identity(town.folder / "other")


def test_a_clock_that_is_a_little_behind_is_no_trouble(folder: Path):
    ahead = ManualClock(SystemClock().now() + timedelta(minutes=4))
    write_papers(folder, Authority(ahead).issue(name_of("front")))

    assert Identity(folder).papers()[1].begins_at < SystemClock().now()
