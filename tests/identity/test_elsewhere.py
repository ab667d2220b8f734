"""Certificates that come from elsewhere: files in the folder that OUTGROW_IDENTITY names."""

from __future__ import annotations

import asyncio
import threading

import pytest

from outgrow.calls import Transport
from outgrow.clock import ManualClock, SystemClock
from outgrow.errors import IdentityRefused, ServiceUnreachable
from outgrow.identity import Callers
from outgrow.identity.certificates import write_papers
from outgrow.process import Seat, Seating
from outgrow.process.apart.connecting import Connections
from outgrow.process.apart.identifying import (
    KnownCallers,
    identity_folder,
    identity_of,
    looked_at,
    process_of,
    with_own_broker,
)
from outgrow.process.supervision.certifying import WATCH_SECONDS, Certifying
from outgrow.topology import Address, Placement, Topology
from tests.identity.conftest import Town, name_of

HTTP = Address(host="127.0.0.1", port=0)
TOPOLOGY = Topology(
    name="split",
    broker="nats",
    gateway=None,
    processes={"back": Placement(name="back", services=("counts",), http=HTTP)},
)


def seating(**fields) -> Seating:
    seat = Seat(process="back", services=("counts",), calls="unix:/nowhere")
    known = {
        "application": "shop",
        "topology": "split",
        "environment": "local",
        "broker": "tls://t@h:1?identity=own",
        "gateway": None,
        "seats": {"back": seat},
    }
    return Seating(**(known | fields))


async def test_nothing_is_issued_and_what_is_new_is_told(town: Town, monkeypatch):
    papers, state = town.issuer.folder, town.folder / "state"
    monkeypatch.setenv("OUTGROW_IDENTITY", str(papers))
    for provide, match in (
        (lambda: None, "nats/tls.key: it cannot be read"),
        (lambda: town.identity("nats"), "nats/tls.crt: 127.0.0.1 is not among"),
        (
            lambda: write_papers(papers / "nats", town.authority.issue(name_of("front"))),
            "certificate of spiffe://shop.local/front; that of spiffe://shop.local/nats is needed",
        ),
    ):
        provide()
        with pytest.raises(IdentityRefused, match=match):
            Certifying("shop", TOPOLOGY, state, ManualClock(), beside=["nats"])
    town.identity("nats", "127.0.0.1")
    clock, told = ManualClock(), []
    certifying = Certifying("shop", TOPOLOGY, state, clock, beside=["nats"])
    certifying.when_renewed("nats", lambda: told.append("nats"))

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(certifying.run())
        for expected in (0, 1, 1):
            while clock.next_timer() is None:
                await SystemClock().sleep(0)
            if expected and not told:
                town.issuer.renew(is_forced=True)
            clock.advance(WATCH_SECONDS)
            while clock.next_timer() is None:
                await SystemClock().sleep(0)
            assert len(told) == expected
        running.cancel()
    certifying.remove()
    assert (papers / "nats" / "tls.key").exists()
    assert not state.exists()


def test_what_is_issued_is_renewed_and_told_and_removed(town: Town):
    told: list[str] = []
    certifying = Certifying("shop", TOPOLOGY, town.folder, SystemClock(), beside=["nats"])
    certifying.when_renewed("nats", lambda: told.append("nats"))

    assert sorted(certifying.renew()) == ["back", "nats"]
    assert told == ["nats"]
    certifying.remove()
    assert not certifying.folder.exists()


def test_a_process_finds_its_own_folder(town: Town, monkeypatch):
    papers = town.issuer.folder
    write_papers(papers / "back", town.authority.issue(name_of("back")))
    seated = seating(identity=str(papers))

    assert identity_folder(seating(), "back") is None
    assert identity_folder(seated, "back") == papers / "back"
    monkeypatch.setenv("OUTGROW_IDENTITY", str(papers / "back"))  # that of one process
    assert identity_folder(seating(identity="/elsewhere"), "back") == papers / "back"
    identity = identity_of(seated, "back")
    assert identity is not None
    assert identity.name == name_of("back")
    assert with_own_broker(seated, "back").broker == f"tls://t@h:1?identity={papers / 'back'}"
    assert with_own_broker(seating(broker="nats://h:1"), "back").broker == "nats://h:1"
    assert with_own_broker(seating(), "back").broker == "tls://t@h:1?"
    with pytest.raises(IdentityRefused, match="that of spiffe://shop.local/other is needed"):
        identity_of(seated, "other")


def test_what_cannot_be_used_later_is_said_also_if_nobody_connects(town: Town, caplog):
    back, clock = town.identity("back"), ManualClock()
    with looked_at(back, clock), looked_at(None, clock):
        clock.advance(10)
        assert back.statistics()["trouble"] == ""
        (back.folder / "tls.key").write_text("bad")
        clock.advance(2)
        assert "tls.key: it is no PEM" in caplog.text
        assert "tls.key: it is no PEM" in back.statistics()["trouble"]

        town.issuer.renew(is_forced=True)
        clock.advance(1)
        assert (back.statistics()["trouble"], back.generation) == ("", 2)
    assert clock.next_timer() is None


def test_who_must_answer_is_said_by_the_seating_and_not_by_the_directory():
    assert process_of(seating(), "counts") == "back"


async def test_who_answers_for_one_service_is_not_believed_for_that_of_another_process(town: Town):
    address = await town.start(process="front")
    orders = town.identity("gateway")

    def connect(at: str, process: str) -> Transport:
        assert at == address
        return town.connect(orders, process)

    connections = Connections(connect)
    fronts = connections.connect(address, "front")
    again = connections.connect(address, "front")
    backs = connections.connect(address, "back")  # as whoever is the first process could write

    assert await town.ask(fronts, via="") == "hello"
    assert await town.ask(again, via="") == "hello"
    with pytest.raises(ServiceUnreachable, match="the process that answers there is another one"):
        await town.ask(backs, via="")
    assert (town.calls, connections.count) == (2, 2)
    for one in (fronts, again, backs):
        await one.close()
    assert connections.count == 0


def test_who_may_call_is_read_again_when_it_is_written_anew(town: Town):
    file = town.folder / "split.json"
    seating().write(file)
    known = KnownCallers(seating(), file)
    assert known.now().declared == {}

    seating(callers={"counts": ("notes",)}).write(file)
    assert known.now().declared == {}  # It looks once a second.
    assert known.reread().declared == {"counts": ("notes",)}
    before = known.now()
    seating(callers={"counts": ("notes",)}).write(file)
    assert known.reread() is before  # Nothing has changed, so that nobody looks it up anew.
    for spoil in (lambda: file.write_text("{"), file.unlink):
        spoil()
        assert known.reread() == before

    seating(callers={}).write(file)
    idle = threading.Event()
    for _ in range(500):
        if known.now() == Callers(declared={}, hosts=before.hosts, entrances=before.entrances):
            break
        idle.wait(0.01)
    assert known.now().declared == {}
