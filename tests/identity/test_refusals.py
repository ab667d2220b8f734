"""
Who is not let in, and what the two sides say of it.

What fails before a connection is made is known to the caller alone by name: the callee has seen
nobody, and gRPC tells its log why.
"""

from __future__ import annotations

from datetime import timedelta

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc

from outgrow.calls.grpc import GrpcTransport
from outgrow.calls.grpc.headers import pack
from outgrow.calls.grpc.revisions import Revisions
from outgrow.clock import ManualClock
from outgrow.errors import CallerNotDeclared, ServiceUnreachable
from outgrow.identity import Callers, Name
from outgrow.identity.certificates import Authority, Identity, Issuer
from tests.calls.grpc.conftest import MODEL
from tests.identity.conftest import Town, ended, name_of


async def _refused(town: Town, transport: GrpcTransport, **fields) -> str:
    """What a call meets that is not let in: nothing has run."""
    with pytest.raises((ServiceUnreachable, CallerNotDeclared)) as caught:
        await town.ask(transport, **fields)
    assert not caught.value.may_have_run
    assert town.calls == 0
    return str(caught.value)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
async def test_who_is_declared_is_let_in(town: Town, kind: str):
    await town.start(None if kind == "unix" else "127.0.0.1:0")
    transport = town.connect(town.identity("front"))

    assert await town.ask(transport) == "hello"
    assert await town.ask(transport) == "hello"
    assert town.guard.statistics()["refused"] == 0
    assert town.guard.statistics()["name"] == "spiffe://shop.local/back"


@pytest.mark.parametrize("kind", ["unix", "tcp"])
async def test_a_certificate_of_another_authority_is_refused(town: Town, kind, caplog, capfd):
    await town.start(None if kind == "unix" else "127.0.0.1:0")
    stranger = town.stranger("front")

    # Its own authorities do not know the callee either.
    assert "of none of the authorities" in await _refused(town, town.connect(stranger))
    # And if they do, the callee does not know it.
    (stranger.folder / "ca.crt").write_bytes(town.authority.certificate)
    told = await _refused(town, town.connect(Identity(stranger.folder)))

    assert "it hung up" in told
    assert "spiffe://shop.local/front" in told
    assert "it hung up" in caplog.text
    assert "CERTIFICATE_VERIFY_FAILED" in capfd.readouterr().err


async def test_a_certificate_that_has_ended_is_refused(town: Town, caplog, capfd, monkeypatch):
    await town.start()
    authority = ended(24 * 3600)
    monkeypatch.setattr(authority, "_key", town.authority._key)
    monkeypatch.setattr(authority, "_certificate", town.authority._certificate)
    papers = authority.issue(name_of("front"))
    front = town.identity("front")
    generation, _ = front.papers()
    monkeypatch.setattr(front, "papers", lambda: (generation, papers))

    told = await _refused(town, town.connect(front))

    assert "it hung up" in told
    assert "it hung up" in caplog.text
    assert "certificate has expired" in capfd.readouterr().err


async def test_a_callee_whose_certificate_has_ended_is_not_called(town, caplog, monkeypatch):
    authority = ended(24 * 3600)
    monkeypatch.setattr(authority, "_key", town.authority._key)
    monkeypatch.setattr(authority, "_certificate", town.authority._certificate)
    papers = authority.issue(name_of("back"))
    monkeypatch.setattr(Identity, "papers", lambda self: (1, papers))
    await town.start()
    monkeypatch.undo()

    told = await _refused(town, town.connect(town.identity("front")))

    assert "its certificate has ended, or the clocks differ" in told
    assert "has ended" in caplog.text


async def test_a_clock_that_was_ahead_and_is_set_back_refuses_nobody_for_long(town, caplog):
    ahead = ManualClock(town.wire.clock.now() + timedelta(hours=2))
    town.authority = Authority(ahead)
    town.issuer = Issuer(town.authority, town.folder / "papers", ahead)
    await town.start()
    front = town.identity("front")

    told = await _refused(town, town.connect(front))
    assert "its certificate has not begun, or the clocks differ" in told
    assert "front/tls.crt: the certificate begins at" in caplog.text

    ahead.advance(-2 * 3600)
    assert town.issuer.renew() == ["back", "front"]
    assert town.issuer.renew() == []
    front.look_again()
    town.guard.identity.look_again()
    assert await town.ask(town.connect(front)) == "hello"


async def test_the_socket_of_another_process_is_not_called(town: Town, caplog):
    await town.start(process="other")

    told = await _refused(town, town.connect(town.identity("front"), "back"))

    assert "the process that answers there is another one" in told
    assert "process 'back' is not called at unix:" in caplog.text


async def test_who_has_no_certificate_is_refused(town: Town, capfd):
    address = await town.start()
    credentials = grpc.ssl_channel_credentials(town.authority.certificate)
    options = [("grpc.ssl_target_name_override", name_of("back").dns)]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/shop.workshop.v1.Workshop/Echo")(b"", timeout=5)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in capfd.readouterr().err
    assert town.calls == 0


def _papers_with(town: Town, common_name: str, *names: x509.GeneralName) -> tuple[bytes, bytes]:
    """A key, and its certificate of our authority, which took whatever it was asked for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), town.wire.clock.now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(town.authority._certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    chain = builder.sign(town.authority._key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, private, serialization.NoEncryption()), chain.public_bytes(pem)


URI = name_of("gateway").uri
NAMED: dict[str, tuple[str, tuple[x509.GeneralName, ...], bool]] = {
    "a URI": ("bob", (x509.UniformResourceIdentifier(URI),), True),
    "a common name": (URI, (), False),
    "a DNS name": ("bob", (x509.DNSName(URI),), False),
    "an address of mail": (URI, (x509.RFC822Name(URI),), False),
    "two URIs": (
        "bob",
        (x509.UniformResourceIdentifier(URI), x509.UniformResourceIdentifier(URI + "s")),
        False,
    ),
}


@pytest.mark.parametrize("what", NAMED)
async def test_who_a_caller_is_is_said_by_a_uri_alone(town: Town, what: str):
    common_name, names, is_let_in = NAMED[what]
    address = await town.start()
    key, chain = _papers_with(town, common_name, *names)
    credentials = grpc.ssl_channel_credentials(town.authority.certificate, key, chain)
    options = [("grpc.ssl_target_name_override", name_of("back").dns)]
    method, converters = MODEL.methods["echo"], town.wire.converters
    metadata = pack(town.wire.context(via=""), 5.0, Revisions().of(MODEL).fingerprint)

    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        ask = channel.unary_unary(converters.messages.path(method))
        body = converters.of(method).encode_request("hello")
        call = ask(body, timeout=5, metadata=metadata)
        code = await call.code()

    refused = grpc.StatusCode.PERMISSION_DENIED
    assert code is (grpc.StatusCode.OK if is_let_in else refused)
    assert town.calls == int(is_let_in)


async def test_plain_text_is_refused_where_certificates_are_asked_for(town: Town, capfd):
    await town.start()

    with pytest.raises(ServiceUnreachable) as caught:
        await town.ask(town.connect(None))

    assert not caught.value.may_have_run
    assert "WRONG_VERSION_NUMBER" in capfd.readouterr().err
    assert town.calls == 0


async def test_who_speaks_plain_text_is_not_called(town: Town, caplog):
    await town.wire.start(f"unix:{town.folder}/plain.sock")

    told = await _refused(town, town.connect(town.identity("front")))

    assert "it speaks plain text" in told
    assert "it speaks plain text" in caplog.text


async def test_what_is_said_of_a_connection_is_said_once_a_minute(town: Town, caplog):
    await town.start(process="other")
    transport = town.connect(town.identity("front"))

    for _ in range(5):
        await _refused(town, transport)

    assert len([r for r in caplog.records if r.name == "outgrow.calls"]) == 1


REFUSALS = {
    "a service that does not declare it": (
        {"process": "front"},
        {"via": "gossip"},
        "service 'gossip' of process 'front' does not declare 'workshop'. Give its class a field",
    ),
    "a lie about which service calls": (
        {"process": "thief"},
        {"via": "orders"},
        "process 'thief' says that service 'orders' calls, which it does not host",
    ),
    "nobody, from a process that is no gateway": (
        {"process": "front"},
        {"via": ""},
        "process 'front' calls for nobody",
    ),
    "a process of another environment": (
        {"process": "front", "environment": "staging"},
        {"via": "orders"},
        "spiffe://shop.staging/front is a process of another application or environment",
    ),
    "a process of another application": (
        {"process": "front", "application": "bank"},
        {"via": "orders"},
        "spiffe://bank.local/front is a process of another application or environment",
    ),
}


class _Posing(Identity):
    """One that looks for the callee in the callee's environment, whatever its papers say."""

    @property
    def name(self) -> Name:
        return name_of("front")


@pytest.mark.parametrize("what", REFUSALS)
async def test_who_does_not_declare_a_service_may_not_call_it(town: Town, what: str, caplog):
    named, fields, expected = REFUSALS[what]
    await town.start()
    posing = _Posing(town.identity(**named).folder)
    transport = town.connect(posing)

    for _ in range(3):
        told = await _refused(town, transport, **fields)
        assert expected in told

    lines = [r.getMessage() for r in caplog.records if expected in r.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith(f"workshop.echo was refused to {name_of(**named).uri}: ")
    assert town.guard.statistics()["refused"] == 3


async def test_a_gateway_calls_for_those_outside(town: Town):
    await town.start()

    assert await town.ask(town.connect(town.identity("gateway")), via="") == "hello"


async def test_health_is_told_to_everyone_with_a_certificate(town: Town):
    address = await town.start()
    _, papers = town.identity("gossiper").papers()
    credentials = grpc.ssl_channel_credentials(papers.authorities, papers.key, papers.chain)
    options = [("grpc.ssl_target_name_override", name_of("back").dns)]

    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_what_is_declared_later_is_let_in_at_once_and_what_no_more_is_not(town: Town):
    await town.start()
    gossip = town.connect(town.identity("front"))
    await _refused(town, gossip, via="gossip")

    declared = {"workshop": ("gossip", "orders")}
    town.policy = Callers(declared=declared, hosts=town.policy.hosts)
    assert await town.ask(gossip, via="gossip") == "hello"
    assert await town.ask(gossip, via="orders") == "hello"

    town.calls = 0
    town.policy = Callers(declared={"workshop": ("orders",)}, hosts=town.policy.hosts)
    await _refused(town, gossip, via="gossip")


async def test_reasons_are_remembered_only_so_far(town: Town, caplog, monkeypatch):
    monkeypatch.setattr("outgrow.identity.certificates.guarding.REFUSALS_KNOWN_MAX", 3)
    await town.start()
    transport = town.connect(town.identity("front"))

    for number in range(9):
        await _refused(town, transport, via=f"made_up_{number}" * 500)

    lines = [r for r in caplog.records if "was refused to" in r.getMessage()]
    assert len(lines) == 3
    assert all(len(line.getMessage()) < 500 for line in lines)
    assert town.guard.refused == 9


async def test_a_key_that_is_wrong_on_disk_later_disturbs_nobody(town: Town):
    await town.start()
    front = town.identity("front")
    transport = town.connect(front)
    assert await town.ask(transport) == "hello"

    (front.folder / "tls.key").write_text("nonsense")
    (town.guard.identity.folder / "tls.crt").unlink()
    front.look_again()
    town.guard.identity.look_again()

    assert await town.ask(town.connect(front)) == "hello"
