"""
A directory in a key-value bucket of NATS JetStream: endpoints, and one lease for each process.

Floor: wires; a room inside discovery.
Uses: nats, and of discovery the seam.
Offers: the directory that processes find each other by when nothing else is said.
"""

from outgrow.discovery.nats.bucket import LEASE_SECONDS
from outgrow.discovery.nats.directory import NatsDirectory, nats_directory

__all__ = ["LEASE_SECONDS", "NatsDirectory", "nats_directory"]
