"""As much of curl as the pages show, for machines without it. Anything else is refused."""

from __future__ import annotations

import argparse
import http.client
import socket
import sys
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
    verb = asked.request or ("POST" if asked.json is not None else "GET")
    connection.request(verb, url.path or "/", asked.json, headers)
    answer = connection.getresponse()
    sys.stdout.write(answer.read().decode())
    connection.close()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("--json")
    parser.add_argument("--unix-socket")
    parser.add_argument("url")
    return parser.parse_args()


if __name__ == "__main__":
    main()
