"""
What a change of a contract does to those who use it.

Floor: words; a room inside contracts. Pure.
Uses: of contracts the descriptions.
Offers: the changes between two descriptions of a service, each with what breaks for whom, and
whether two contracts understand each other's calls.
"""

from outgrow.contracts.comparing.change import Change, Verdict
from outgrow.contracts.comparing.comparison import call_differences, compare

__all__ = ["Change", "Verdict", "call_differences", "compare"]
