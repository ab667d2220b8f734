"""
Reads contract classes.

Floor: words; a room inside contracts. Pure.
Uses: of contracts what is declared with, the shapes and the events.
Offers: the model of a contract, with all that is wrong with it at once.
"""

from outgrow.contracts.reading.reader import read_contract

__all__ = ["read_contract"]
