"""The passwords that outgrow makes, kept where only this user reads them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from outgrow.errors import StoreRefused

FILE = "postgres.json"


class Kept(msgspec.Struct, kw_only=True):
    """
    What is known of databases in PostgreSQL, and stands nowhere else.

    Attributes:
        superuser: The password of the embedded server's superuser; empty if there is none.
        sockets: The folder where the embedded server listens, or did last.
        roles: The passwords of services in the embedded server, by service.
        created: The URLs of services elsewhere, as ``outgrow store create`` made them, by service.
    """

    superuser: str = ""
    sockets: str = ""
    roles: dict[str, str] = {}
    created: dict[str, str] = {}

    @classmethod
    def read(cls, state: Path) -> Kept:
        """
        What is kept below *state*; nothing, if nothing was kept yet.

        Raises:
            StoreRefused: It cannot be read.
        """
        path = state / FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls()
        except (OSError, msgspec.DecodeError) as error:
            message = (
                f"it cannot be read: {error}. It holds passwords. If it is lost, delete it: those "
                "of the embedded server are made anew at the next start, and 'outgrow store create "
                "--renew' makes those of another."
            )
            raise StoreRefused(str(path), message) from error

    def write(self, state: Path) -> None:
        """
        Keep this below *state*, whole or not at all.

        Raises:
            StoreRefused: It cannot be written.
        """
        path = state / FILE
        draft = state / f"{FILE}.{secrets.token_hex(4)}"
        try:
            state.mkdir(parents=True, exist_ok=True)
            opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(opened, "wb") as file:  # noqa: PTH123 - a descriptor has no path
                file.write(msgspec.json.format(msgspec.json.encode(self)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise StoreRefused(str(path), f"it cannot be written: {error}.") from error
