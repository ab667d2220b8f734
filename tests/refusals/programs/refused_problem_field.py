# expected: problem SoldOut has a field named 'args'.
from outgrow.contracts import Problem


class SoldOut(Problem):
    """Nothing is left."""

    args: str
