"""Whichever process is killed, and wherever: what arrives is whole, in order and there once."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from outgrow.process import leashed
from tests.journal.nats import parts
from tests.journal.nats.child import EVENTS
from tests.journal.nats.parts import wait_until
from tests.journal.nats.server import NatsServer

ROOT = Path(__file__).parents[3]


@contextmanager
def child(
    role: str, folder: Path, url: str, point: str = "", nth: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    program = (sys.executable, "-m", "tests.journal.nats.child")
    with subprocess.Popen(
        leashed(*program, role, str(folder), url, point, str(nth)),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def letters(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "letters.sqlite3")) as rows:
        return [text for (text,) in rows.execute("select text from letters order by number")]


@pytest.mark.parametrize(
    ("role", "point", "nth"),
    [
        ("write", "nats.before_publish", 20),
        ("write", "nats.after_publish", 20),
        ("listen", "nats.after_receive", 100),
        *(
            pytest.param(role, point, nth, marks=pytest.mark.long)
            for role, point in (
                ("write", "nats.before_publish"),
                ("write", "nats.after_publish"),
                ("listen", "nats.after_receive"),
            )
            for nth in (1, 2, 10, 40, 60)
        ),
    ],
)
async def test_a_kill_loses_and_doubles_nothing(
    server: NatsServer, tmp_path: Path, role: str, point: str, nth: int
):
    folders = {"write": tmp_path / "write", "listen": tmp_path / "listen"}
    for folder in folders.values():
        folder.mkdir()
    # The handler begins at the beginning of an empty journal, and so it hears of everything.
    async with (
        parts.writing(folders["write"], server.url),
        parts.listening(folders["listen"], server.url),
    ):
        pass
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(
                child(name, folder, server.url, *((point, nth) if name == role else ()))
            )
            for name, folder in folders.items()
        }
        await wait_until(lambda: children[role].poll() is not None)
        assert children[role].returncode == -signal.SIGKILL
        stack.enter_context(child(role, folders[role], server.url))
        await wait_until(lambda: len(letters(folders["listen"])) >= EVENTS)
        assert letters(folders["listen"]) == [f"{n} placed 1" for n in range(EVENTS)]


async def test_a_new_handler_asks_again_when_who_would_have_answered_is_killed(
    server: NatsServer, tmp_path: Path
):
    with ExitStack() as stack:
        writing = stack.enter_context(child("write", tmp_path, server.url, "nats.before_answer", 1))
        listening = stack.enter_context(child("listen", tmp_path, server.url))
        await wait_until(lambda: writing.poll() is not None)
        assert writing.returncode == -signal.SIGKILL
        stack.enter_context(child("write", tmp_path, server.url))
        assert listening.stdout is not None
        assert await asyncio.to_thread(listening.stdout.readline) == b"listening\n"
