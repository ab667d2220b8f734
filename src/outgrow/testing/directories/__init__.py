"""
What every directory must do, for whoever writes one.

Floor: doors; a room inside testing.
Uses: discovery.
Offers: the conformance suite of directories.
"""

from outgrow.testing.directories.processes import DirectoryPlace, Processes, Watcher
from outgrow.testing.directories.suite import DirectoryConformance, directory_conformance

__all__ = [
    "DirectoryConformance",
    "DirectoryPlace",
    "Processes",
    "Watcher",
    "directory_conformance",
]
