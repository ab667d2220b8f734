"""
A program that must not outlive the one that started it, however that ends.

Run as a script, ``leash.py LEASH PROGRAM ARGUMENTS...`` becomes the program, on the leash.
It needs nothing but the standard library, so that it starts at once. On Linux alone; elsewhere the
program runs without a leash.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """
    Let the kernel end this process when its *parent* is gone, and end if it is gone already.

    To the kernel, the parent is the thread that started it: that thread must live as long.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:
        os._exit(1)


def become(uid: int, gid: int) -> None:
    """Be another user from now on, who has no way back."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def leashed(
    *command: str,
    on_end: signal.Signals = signal.SIGKILL,
    user: tuple[int, int] | None = None,
) -> list[str]:
    """
    The command that runs *command* so that it is ended when this process dies.

    Args:
        on_end: The signal that it is sent then.
        user: The numbers of the user and group that it runs as, if not as this process. They need
            not be able to run this Python.
    """
    uid, gid = user or (-1, -1)
    leash = f"{os.getpid()}:{int(on_end)}:{uid}:{gid}"
    return [sys.executable, "-S", "-E", __file__, leash, *command]


if __name__ == "__main__":
    its_parent, its_signal, its_uid, its_gid = map(int, sys.argv[1].split(":"))
    if its_uid >= 0:
        become(its_uid, its_gid)  # First: the kernel forgets the leash of who becomes another.
    die_with_parent(its_parent, its_signal)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - this is what it is for
