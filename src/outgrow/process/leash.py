"""
A program that must not outlive the one that started it, however that ends.

Run as a script, ``leash.py PARENT PROGRAM ARGUMENTS...`` becomes the program, on the leash. It
needs nothing but the standard library, so that it starts at once. On Linux alone; elsewhere the
program runs without a leash.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its *parent* is gone, and end if it is gone already."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def leashed(*command: str) -> list[str]:
    """The command that runs *command* so that it dies with this process."""
    return [sys.executable, "-S", "-E", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - this is what it is for
