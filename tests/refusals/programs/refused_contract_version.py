# expected: contract Stock has the version 0.
from outgrow.contracts import Contract


class Stock(Contract, version=0):
    pass
