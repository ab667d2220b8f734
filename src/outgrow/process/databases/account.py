"""Which user of the system the server runs as: PostgreSQL refuses the superuser."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from outgrow.errors import StoreRefused

NOBODY = 65534


class Started(TypedDict, total=False):
    """What `subprocess` takes to start a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """
    A user of the system.

    Attributes:
        uid: Its number.
        gid: The number of its group.
    """

    uid: int
    gid: int

    @classmethod
    def choose(cls, folder: Path) -> Account:
        """
        Who runs the server of *folder*: we ourselves, unless we are the superuser.

        The superuser gives it to the owner of the folder, or to ``nobody`` if it owns that too.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        there = next(path for path in (folder, *folder.parents) if path.exists())
        status = there.stat()
        if there == folder and status.st_uid != 0:
            return cls(status.st_uid, status.st_gid)
        return cls(NOBODY, NOBODY)

    @property
    def name(self) -> str:
        """What the system calls it."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def started(self) -> Started:
        """How `subprocess` starts a program as this user."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    @property
    def other(self) -> tuple[int, int] | None:
        """Its numbers; None if it is who we are already."""
        return None if os.geteuid() == self.uid else (self.uid, self.gid)

    def own(self, path: Path) -> None:
        """Give *path* to this user."""
        if os.geteuid() != self.uid:
            os.chown(path, self.uid, self.gid)

    def check_runs(self, program: Path, *options: str) -> None:
        """
        See whether this user can run *program*.

        Raises:
            StoreRefused: It cannot, as when it may not enter a folder above it.
        """
        try:
            subprocess.run(  # noqa: S603 - a program of ours
                [str(program), *options], check=True, capture_output=True, cwd="/", **self.started
            )
        except (OSError, subprocess.CalledProcessError) as error:
            message = (
                f"the user {self.name!r} cannot run it: {error}. PostgreSQL does not run as root, "
                "so its server is started as that user. Let it enter the folders above "
                f"(chmod o+x), install outgrow where everyone may read, or run outgrow as "
                "a user of its own."
            )
            raise StoreRefused(str(program), message) from error
