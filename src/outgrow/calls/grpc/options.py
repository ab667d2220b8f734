"""What gRPC is told about each connection: sizes, pings, and when it is made again."""

from __future__ import annotations

from typing import Any, Final

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
METADATA_BYTES_MAX: Final = 1024 * 1024

CONCURRENT_STREAMS_MAX: Final = 4_096
"""Far above what the reception lets in, where who is refused learns it at once."""

KEEPALIVE_SECONDS: Final = 5.0
"""After so long without a byte from the other side it is pinged, whether calls go on or not."""

KEEPALIVE_ANSWER_SECONDS: Final = 3.0
"""How long the answer may take; then the connection is closed, and its calls end."""

HANDSHAKE_SECONDS_MAX: Final = 10.0
"""How long who connects may take to say who he is; then he is hung up on."""

CONNECT_MILLISECONDS_MAX: Final = 1_000
RECONNECT_MILLISECONDS_MAX: Final = 200

WINDOW_BYTES: Final = 65_536
"""How far a stream is ahead of its reader, beside one message."""

Options = list[tuple[str, Any]]


def client_options(message_bytes_max: int) -> Options:
    """
    What a channel is told.

    An idle connection is pinged too: one that leads nowhere is found before a call meets it.
    """
    return [
        *_both(message_bytes_max),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.enable_http_proxy", 0),  # Services are neighbours; no proxy lies between them.
        ("grpc.use_local_subchannel_pool", 1),  # Two applications in one process share nothing.
        ("grpc.enable_retries", 0),
        # A process that starts again is found soon. gRPC takes 100 ms for anything shorter; the
        # least is, in spite of its name, how long making the connection may take.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", CONNECT_MILLISECONDS_MAX),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MILLISECONDS_MAX),
    ]


def server_options(message_bytes_max: int) -> Options:
    """
    What a server is told.

    It pings callers only while their calls go on, since those ping it. Nobody is cut off for
    pinging often, or for being connected long: callers choose among replicas by themselves.
    """
    return [
        *_both(message_bytes_max),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.max_concurrent_streams", CONCURRENT_STREAMS_MAX),
        ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_SECONDS_MAX * 1_000)),
        ("grpc.so_reuseport", 0),  # Otherwise a second server on the port gets half of the calls.
    ]


def _both(message_bytes_max: int) -> Options:
    return [
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", 2 * METADATA_BYTES_MAX),
        ("grpc.keepalive_time_ms", int(KEEPALIVE_SECONDS * 1_000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_ANSWER_SECONDS * 1_000)),
        # Since gRPC 1.60 the one above has no effect, and this one is a minute if it is not said.
        ("grpc.http2.ping_timeout_ms", int(KEEPALIVE_ANSWER_SECONDS * 1_000)),
        ("grpc.http2.max_pings_without_data", 0),  # As many as it takes.
        # Windows that adapt to the network grow to several MB on a fast one, whatever the reader.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
    ]
