"""A key, the certificate that goes with it, and the authorities that are believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from outgrow.errors import IdentityRefused
from outgrow.identity.folder import AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE
from outgrow.identity.names import Name, read_name

T = TypeVar("T")

FILE_BYTES_MAX: Final = 1024 * 1024
"""The most that one of the three files may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """
    What a process proves with who it is, and checks others by. All three are PEM.

    Attributes:
        key: The private key.
        chain: The certificate, and those between it and its authority.
        authorities: The certificates of those whose word is taken.
        name: Who the certificate says it is; None if it says nobody of outgrow.
        begins_at: From when on it holds.
        ends_at: Until when.
    """

    key: bytes
    chain: bytes
    authorities: bytes
    name: Name | None
    begins_at: datetime
    ends_at: datetime


def read_papers(folder: Path) -> Papers:
    """
    The papers in *folder*.

    Raises:
        IdentityRefused: One is missing or unreadable, or the key is that of another certificate.
    """
    key, chain, authorities = (
        _read(folder / name) for name in (KEY_FILE, CHAIN_FILE, AUTHORITIES_FILE)
    )
    private = _parse(folder / KEY_FILE, key, _private)
    leaf = _parse(folder / CHAIN_FILE, chain, _first)
    _parse(folder / AUTHORITIES_FILE, authorities, _first)
    if private.public_key() != leaf.public_key():
        text = f"the key is not the one of the certificate in {CHAIN_FILE}; write both again."
        raise IdentityRefused(str(folder / KEY_FILE), text)
    return Papers(
        key=key,
        chain=chain,
        authorities=authorities,
        name=name_of(leaf),
        begins_at=leaf.not_valid_before_utc,
        ends_at=leaf.not_valid_after_utc,
    )


def name_of(certificate: x509.Certificate) -> Name | None:
    """Who *certificate* says it is; None if it says nobody of outgrow."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return next(filter(None, map(read_name, uris)), None)


def names_host(papers: Papers, host: str) -> bool:
    """Whether the certificate is for a server that is reached at the address *host*."""
    leaf = _first(papers.chain)
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return host in map(str, names.get_values_for_type(x509.IPAddress))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        text = (
            f"it cannot be read: {error.strerror or error}. The folder has {KEY_FILE}, "
            f"{CHAIN_FILE} and {AUTHORITIES_FILE}, which this process may read."
        )
        raise IdentityRefused(str(path), text) from error
    if len(content) > FILE_BYTES_MAX:
        raise IdentityRefused(str(path), f"it has more than {FILE_BYTES_MAX} bytes.")
    return content


def _parse(path: Path, content: bytes, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        text = f"it is no PEM that can be used: {str(error).rstrip('.')}."
        raise IdentityRefused(str(path), text) from error


def _private(content: bytes) -> Any:
    return serialization.load_pem_private_key(content, password=None)


def _first(content: bytes) -> x509.Certificate:
    """The first of the certificates in *content*, all of which can be read."""
    return x509.load_pem_x509_certificates(content)[0]
