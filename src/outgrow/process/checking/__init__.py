"""
Is the program what it should be? Everything that can be known without starting it.

Floor: house; a room inside process.
Uses: of process the loading; the gateway; topology.
Offers: the check of a whole program, its topologies and what its services import of each other.
"""

from outgrow.process.checking.imports import import_findings
from outgrow.process.checking.program import Checked, check_program

__all__ = ["Checked", "check_program", "import_findings"]
