# expected: contract Stock has the version '2'.
from outgrow.contracts import Contract


class Stock(Contract, version="2"):
    pass
