"""
Where a service is right now.

Floor: wires.
Uses: the ground.
Offers: the seam to a directory, the static one, and who follows what a directory says.
"""

from outgrow.discovery.directory import Directory, Endpoint, Resolution
from outgrow.discovery.following import Followed, Following, following
from outgrow.discovery.static import StaticDirectory

__all__ = [
    "Directory",
    "Endpoint",
    "Followed",
    "Following",
    "Resolution",
    "StaticDirectory",
    "following",
]
