# expected: are both 'refused_problem_twice.Gone'.
from outgrow.contracts import Contract, Problem, query


class Gone(Problem, status="not_found"):
    """It is gone."""


Old = Gone


class Gone(Problem, status="aborted"):  # noqa: F811
    """It is gone for good."""


class Stock(Contract):
    @query(raises=[Old])
    async def find(self, sku: str) -> int: ...

    @query(raises=[Gone])
    async def look(self, sku: str) -> int: ...
