"""As much of curl as the pages show, for machines without it. Anything else is refused."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Send one request, and print the body of its answer."""
    asked = _asked()
    url = urlsplit(asked.url if "//" in asked.url else f"http://{asked.url}")
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=20)
    if asked.unix_socket:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(asked.unix_socket)
    headers = dict(header.split(": ", 1) for header in asked.header)
    if asked.json is not None:
        headers |= {"content-type": "application/json", "accept": "application/json"}
    body = asked.json if asked.upload_file is None else Path(asked.upload_file).read_bytes()
    verb = asked.request or ("GET" if body is None else "POST")
    connection.request(verb, url.path or "/", body, headers)
    answer = connection.getresponse()
    with contextlib.suppress(TimeoutError):
        while part := answer.read1():
            sys.stdout.write(part.decode())
            if asked.max_time:  # of silence after what came, however long that took
                connection.sock.settimeout(asked.max_time)
    connection.close()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-N", "--no-buffer", action="store_true")
    parser.add_argument("-T", "--upload-file")
    parser.add_argument("--max-time", type=float)
    parser.add_argument("--json")
    parser.add_argument("--unix-socket")
    parser.add_argument("url")
    return parser.parse_args()


if __name__ == "__main__":
    main()
