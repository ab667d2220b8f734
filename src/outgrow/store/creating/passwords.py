"""Passwords of roles, which the server never sees."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

ROUNDS: Final = 4096
"""As PostgreSQL does it; what `new_password` makes needs no more."""

SALT_BYTES: Final = 16
PASSWORD_BYTES: Final = 24


def new_password() -> str:
    """A random password, which may stand in a URL."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def verifier(password: str) -> str:
    """What the server keeps to check *password* by SCRAM: no log of statements shows it."""
    salt = secrets.token_bytes(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ROUNDS, *parts)
