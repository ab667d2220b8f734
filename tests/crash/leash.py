"""
A program that dies with whoever started it, however that ends.

``python -m tests.crash.leash FOLDER PROGRAM ARGUMENTS...`` becomes the program, on the leash.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the kernel kill this process when the one that started it is gone."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    die_with_parent()
    os.chdir(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
