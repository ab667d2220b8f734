"""The development authority: it lives in the memory of one process, and issues for hours."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outgrow.clock import Clock
from outgrow.identity.certificates.papers import Papers
from outgrow.identity.names import Name

LEAF_SECONDS: Final = 12 * 3600.0
"""How long the certificate of a process holds."""

ROOT_DAYS: Final = 3650
"""How long the authority's own holds; its key is gone sooner, with the process that has it."""

SKEW_SECONDS: Final = 300.0
"""How far back certificates begin, for machines whose clocks are behind."""

_PURPOSES: Final = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)


class Authority:
    """
    Issues certificates (X.509 v3, RFC 5280) for processes. Its key is on no disk.

    Args:
        clock: What time it is.
        common_name: What the authority calls itself.
    """

    def __init__(self, clock: Clock, common_name: str = "outgrow development authority") -> None:
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name(common_name)
        # It begins long ago: the machine's clock may be set back later.
        life = timedelta(days=ROOT_DAYS)
        builder = self._builder(subject, subject, self._key, life, begun=life)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(is_authority=True), True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def certificate(self) -> bytes:
        """What others believe it by: its certificate, as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: Name, hosts: Sequence[str] = (), seconds: float = LEAF_SECONDS) -> Papers:
        """
        A new key for *name*, and its certificate.

        Args:
            hosts: Further DNS names and addresses, for who checks those: clients of a NATS server.
            seconds: How long it holds.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name.dns), x509.UniformResourceIdentifier(name.uri)]
        subject, issuer = _common_name(name.process), self._certificate.subject
        builder = self._builder(subject, issuer, key, timedelta(seconds=seconds))
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(_usage(is_authority=False), True)
            .add_extension(_PURPOSES, False)
            .add_extension(x509.SubjectAlternativeName([*names, *map(_host, hosts)]), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return Papers(
            key=_pem(key),
            chain=certificate.public_bytes(serialization.Encoding.PEM),
            authorities=self.certificate,
            name=name,
            begins_at=certificate.not_valid_before_utc,
            ends_at=certificate.not_valid_after_utc,
        )

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        life: timedelta,
        begun: timedelta = timedelta(seconds=SKEW_SECONDS),
    ) -> x509.CertificateBuilder:
        now, public = self._clock.now(), key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - begun)
            .not_valid_after(now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )


def _common_name(text: str) -> x509.Name:
    """For people who look at a certificate; nobody checks it."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
