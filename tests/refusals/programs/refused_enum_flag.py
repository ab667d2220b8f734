# expected: enumeration Rights is no type that a contract can carry.
from enum import Flag
from outgrow.contracts import Contract, command


class Rights(Flag):
    READ = 1
    WRITE = 2



class Stock(Contract):
    @command()
    async def hold(self, rights: Rights) -> None: ...
