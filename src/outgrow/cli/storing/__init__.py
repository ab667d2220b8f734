"""
``outgrow store``: where the data of services lives, and what is done with it.

Floor: doors; a room inside cli.
Uses: of cli the printing; process, topology.
Offers: the commands ``outgrow store ...``.
"""

from outgrow.cli.storing.backup import backup, restore
from outgrow.cli.storing.create import create
from outgrow.cli.storing.group import store
from outgrow.cli.storing.migrate import migrate, revision
from outgrow.cli.storing.move import move
from outgrow.cli.storing.status import status

__all__ = ["backup", "create", "migrate", "move", "restore", "revision", "status", "store"]
