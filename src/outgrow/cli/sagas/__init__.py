"""
``outgrow saga``: which sagas there are, how they stand, and what becomes of those that are stuck.

Floor: doors; a room inside cli.
Uses: of cli the printing; process, sagas.
Offers: the commands ``outgrow saga ...``.
"""

from outgrow.cli.sagas.deciding import resolve, retry, skip, undo
from outgrow.cli.sagas.drawing import graph
from outgrow.cli.sagas.group import saga
from outgrow.cli.sagas.looking import list_, show

__all__ = ["graph", "list_", "resolve", "retry", "saga", "show", "skip", "undo"]
