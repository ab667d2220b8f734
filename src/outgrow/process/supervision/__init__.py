"""
One topology on this machine: its processes and its broker, kept running by one supervisor.

Floor: house; a room inside process.
Uses: of process the directory, what a process inherits, and the control channel; of the gateway its
    listener.
Offers: run a topology until it is told to end.
"""

from outgrow.process.supervision.supervisor import find_topology, run_topology

__all__ = ["find_topology", "run_topology"]
