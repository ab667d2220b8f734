"""
The first program: two services that call and hear each other, with tests.

Floor: house; a room inside process.
Uses: nothing of process; errors.
Offers: a new folder with a program that runs, split or not, and is tested in all worlds.
"""

from outgrow.process.scaffold.writing import write_scaffold

__all__ = ["write_scaffold"]
