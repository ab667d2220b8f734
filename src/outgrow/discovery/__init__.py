"""
Where a service is right now.

Floor: wires.
Uses: the ground; its room nats uses nats.
Offers: the seam to a directory, the static one, who keeps a process in it, and who follows what it
says.
"""

from outgrow.discovery.directory import WEIGHT_DEFAULT, Directory, Endpoint, Resolution
from outgrow.discovery.following import Followed, Following, following
from outgrow.discovery.keeping import RENEW_SECONDS, Keeper, keeping
from outgrow.discovery.static import StaticDirectory

__all__ = [
    "RENEW_SECONDS",
    "WEIGHT_DEFAULT",
    "Directory",
    "Endpoint",
    "Followed",
    "Following",
    "Keeper",
    "Resolution",
    "StaticDirectory",
    "following",
    "keeping",
]
