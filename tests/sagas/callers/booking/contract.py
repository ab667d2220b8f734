"""What the office promises."""

from outgrow import Contract, Problem, command, query


class NoBerth(Problem, status="failed_precondition"):
    """There is no berth for {ship}."""

    ship: str


class Bookings(Contract):
    """Books ships in."""

    @command("POST /bookings", allow="bookings:write", raises=[NoBerth], deadline="20s")
    async def book(self, ship: str, how: str = "at once") -> str:
        """Book a ship in; *how* is ``at once``, or what goes wrong or takes time."""

    @command(raises=[NoBerth], deadline="20s")
    async def book_inside(self, ship: str, how: str) -> str:
        """The same, for nobody outside."""

    @query("GET /bookings")
    async def booked(self) -> list[str]:
        """The ships that are booked in, or are to be."""


class BookingsV2(Contract, version=2):
    """Books ships in, as the next version of the office does."""

    @command("POST /v2/bookings", raises=[NoBerth], deadline="20s")
    async def book_again(self, ship: str, how: str) -> str:
        """Book a ship in."""
