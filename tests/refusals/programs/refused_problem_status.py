# expected: problem SoldOut has the status 'teapot'.
from outgrow.contracts import Problem


class SoldOut(Problem, status="teapot"):
    """Nothing is left."""
