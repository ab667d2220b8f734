"""The NATS server of a topology: found, configured, and waited for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from urllib.parse import urlsplit

from outgrow.clock import Clock
from outgrow.errors import ExtraMissing
from outgrow.identity import AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE
from outgrow.process.apart import OWN_IDENTITY
from outgrow.process.supervision.instance import Recipe

NAME = "nats"
PORTS = range(20_000, 32_768)
"""Below those that the system gives away, so that nobody has ours while the server restarts."""

PORTS_TRIED_MAX = 1000
PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
STORAGE_BYTES_MAX = 16 * 1024**3
MEMORY_BYTES_MAX = 64 * 1024**2
PROBE_PAUSE_SECONDS = 0.02
PROBE_SECONDS_MAX = 2.0
PORT_DEFAULT = 4222
TOKEN_BYTES = 24

_CONFIGURATION = """\
# Written at each start by 'outgrow run'.
host: "127.0.0.1"
port: {port}
server_name: {name}
max_payload: {payload}
authorization {{ token: {token} }}
{tls}jetstream {{
  store_dir: {storage}
  max_memory_store: {memory}
  max_file_store: {file}
}}
"""

_TLS = """\
tls {{
  cert_file: {chain}
  key_file: {key}
  ca_file: {authorities}
  verify: true
}}
"""


def nats_recipe(
    state: Path, name: str, lock: int, clock: Clock, papers: Path | None = None
) -> tuple[Recipe, str]:
    """
    How a NATS server is started that keeps its data below *state*, and its URL.

    Args:
        name: What the server calls itself.
        papers: The folder with its key and its certificate, and the authorities that it believes;
            None for plain text. It reads them again at SIGHUP.

    Raises:
        ExtraMissing: There is no NATS server on this machine.
    """
    binary = _find_binary()
    port = _choose_port()
    folder = state / NAME
    folder.mkdir(parents=True, exist_ok=True)
    file = state / "run" / f"{NAME}.conf"
    # The port can be reached by every user of this machine; the folder of these files by one.
    token = secrets.token_urlsafe(TOKEN_BYTES)
    file.write_text(
        _CONFIGURATION.format(
            port=port,
            name=json.dumps(name),
            token=json.dumps(token),
            payload=PAYLOAD_BYTES_MAX,
            storage=json.dumps(str(folder), ensure_ascii=False),
            memory=MEMORY_BYTES_MAX,
            file=STORAGE_BYTES_MAX,
            tls="" if papers is None else _tls(papers),
        ),
        encoding="utf-8",
    )
    recipe = Recipe(
        name=NAME,
        command=(binary, "--config", str(file)),
        lock=lock,
        stop_signal=signal.SIGINT,  # It ends with status 1 after SIGTERM.
        wait_ready=_wait_ready("127.0.0.1", port, clock, papers),
    )
    if papers is None:
        return recipe, f"nats://{token}@127.0.0.1:{port}"
    return recipe, f"tls://{token}@127.0.0.1:{port}?{OWN_IDENTITY}"


def _tls(papers: Path) -> str:
    files = {"chain": CHAIN_FILE, "key": KEY_FILE, "authorities": AUTHORITIES_FILE}
    return _TLS.format(
        **{k: json.dumps(str(papers / v), ensure_ascii=False) for k, v in files.items()}
    )


async def is_reachable(url: str) -> bool:
    """Whether something answers at *url* now."""
    parts = urlsplit(url)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            return await _says_info(parts.hostname or "", parts.port or PORT_DEFAULT)
    return False


def shown(url: str) -> str:
    """*url* without what lets its reader in."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _find_binary() -> str:
    """The server beside this Python, as its wheel installs it, or one on the path."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise ExtraMissing("nats", "events between processes")
    return found


def _choose_port() -> int:
    for port in random.sample(PORTS, PORTS_TRIED_MAX):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    message = f"no port between {PORTS.start} and {PORTS.stop} is free"
    raise OSError(message)


def _wait_ready(
    host: str, port: int, clock: Clock, papers: Path | None
) -> Callable[[], Coroutine[None, None, None]]:
    async def wait() -> None:
        while not await _says_info(host, port, papers):
            await clock.sleep(PROBE_PAUSE_SECONDS)

    return wait


async def _says_info(host: str, port: int, papers: Path | None = None) -> bool:
    """Whether a NATS server answers, and takes the certificate in *papers*."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        line = await reader.readline()
        if papers is not None:  # It would log that somebody left without speaking TLS.
            context = ssl.create_default_context(cafile=papers / AUTHORITIES_FILE)
            context.load_cert_chain(papers / CHAIN_FILE, papers / KEY_FILE)
            await writer.start_tls(context, server_hostname=host)
    except (OSError, ValueError):
        return False
    finally:
        writer.close()
    return line.startswith(b"INFO ")
