"""How much the outside world may ask at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The limits of the edge; each is answered with a problem that names it.

    Attributes:
        body_bytes_max: Size of a request's body.
        head_bytes_max: Size of a request's headers, names and values together.
        query_bytes_max: Length of the query string.
        body_seconds_max: How long a client may take to send a body.
        line_bytes_max: Length of a line in a body that is a stream; the body itself has no limit.
        deadline_seconds_default: How long a call may take if its contract does not say.
        stream_seconds_default: The same of a call that streams.
        findings_max: How many findings one answer lists.
    """

    body_bytes_max: int = 1024 * 1024
    head_bytes_max: int = 32 * 1024
    query_bytes_max: int = 8 * 1024
    body_seconds_max: float = 30.0
    line_bytes_max: int = 1024 * 1024
    deadline_seconds_default: float = 10.0
    stream_seconds_default: float = 3_600.0
    findings_max: int = 100
