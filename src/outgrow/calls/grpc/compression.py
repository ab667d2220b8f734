"""
Bodies in gzip, if a caller asks for it.

It costs the processor more than a local network costs time, so nobody does it unasked. What is
smaller than `COMPRESSED_BYTES_MIN` is sent as it is. What comes compressed is always understood,
and never takes more memory than the largest message.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import grpc

Compression = Literal["gzip"]

COMPRESSED_BYTES_MIN: Final = 4_096
COMPRESSION_HEADER: Final = "outgrow-compression"
ASKED: Final = ((COMPRESSION_HEADER, "gzip"),)
"""The metadata of a call whose reply may come compressed; everyone may send it."""


async def compress_reply(call: Any) -> None:
    """Let the reply to *call* be compressed if its caller asked for that; before it is sent."""
    if any(name == COMPRESSION_HEADER for name, _ in call.invocation_metadata()):
        call.set_compression(grpc.Compression.Gzip)
        # A unary reply is compressed only if its headers have gone ahead.
        await call.send_initial_metadata(())
