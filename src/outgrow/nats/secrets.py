"""What a URL says beside where the server is: a name and a password, and certificates."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from outgrow.identity import AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE

FILES = ("ca", "cert", "key")
"""The parameters of a ``tls://`` URL that name one file each."""

IDENTITY = "identity"
"""The parameter that names a folder with all three, as a process has it."""


def without_secrets(url: str) -> tuple[str, dict[str, Any]]:
    """
    *url* without its secrets and files, and what the client is told of them.

    Args:
        url: ``nats://`` or ``tls://``; may hold a name and a password, or a token, each
            percent-encoded. One of ``tls://`` may name files: ``?ca=...&cert=...&key=...``, or
            ``?identity=`` with a folder. The server's certificate is then checked by the host of
            the URL, against the authorities in ``ca``; without it, against those of the machine.
    """
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    server = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
    told: dict[str, Any] = {}
    if parts.username is not None and parts.password is None:
        told = {"token": unquote(parts.username)}
    elif parts.username is not None:
        told = {"user": unquote(parts.username), "password": unquote(parts.password or "")}
    return server, told


def tls_of(url: str) -> ssl.SSLContext | None:
    """
    How TLS is spoken with the server at *url*, by the files as they are now; None if it is not.

    Raises:
        OSError: A file cannot be read, or is none of those that it should be.
        ValueError: There is a parameter that is not known.
    """
    parts = urlsplit(url)
    if parts.scheme != "tls":
        return None
    files = dict(parse_qsl(parts.query, keep_blank_values=True))
    if folder := files.pop(IDENTITY, None):
        names = (AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE)
        files |= {k: str(Path(folder) / v) for k, v in zip(FILES, names, strict=True)}
    if unknown := sorted(set(files) - set(FILES)):
        message = f"{unknown[0]!r} is no parameter of such a URL; known are {', '.join(FILES)}"
        raise ValueError(message)
    context = ssl.create_default_context(cafile=files.get("ca"))
    if "cert" in files:
        context.load_cert_chain(files["cert"], files.get("key"))
    return context
