"""
What a process is called in its certificate.

The name itself is a URI, as SPIFFE writes it (SPIFFE-ID specification, section 2). Beside it stands
a DNS name, because that is what TLS libraries compare with what a caller expects.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

DNS_SUFFIX: Final = "outgrow"
"""The top of our DNS names. Nobody looks them up: they stand in certificates only."""

OUTSIDE: Final = "outside"
"""Who is no process of a topology and may call all of its services, as its gateway may."""

_PART: Final = "[a-z][a-z0-9_]{0,62}"  # as names are in the topology file
_URI: Final = re.compile(rf"spiffe://({_PART})\.({_PART})/({_PART})")


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """Who a process is: its application, the environment of that, and its name in the topology."""

    application: str
    environment: str
    process: str

    @property
    def uri(self) -> str:
        """``spiffe://<application>.<environment>/<process>``."""
        return f"spiffe://{self.application}.{self.environment}/{self.process}"

    @property
    def dns(self) -> str:
        """
        ``<process>.<application>.<environment>.outgrow``, with dashes for underscores.

        A DNS name has no underscores, and our names have no dashes, so no two become one.
        """
        parts = (self.process, self.application, self.environment, DNS_SUFFIX)
        return ".".join(parts).replace("_", "-")

    def __str__(self) -> str:
        return self.uri


def read_name(uri: str) -> Name | None:
    """The name that *uri* says; None if it is none of ours."""
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    application, environment, process = match.groups()
    return Name(application=application, environment=environment, process=process)
