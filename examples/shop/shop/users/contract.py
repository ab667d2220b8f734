"""What users promises."""

from typing import Annotated

from annotated_types import MaxLen, MinLen

from outgrow import Contract, Event, Problem, Record, command, query

Name = Annotated[str, MinLen(1), MaxLen(100)]


class User(Record):
    """Somebody who may order."""

    user_id: str
    name: Name


class UserTotals(Record):
    """How many users there are, and how often one took another name."""

    registered: int
    renamed: int


class UserRegistered(Event, key="user_id"):
    """Somebody may order from now on."""

    user_id: str
    name: str


class UserRenamed(Event, key="user_id"):
    """A user has another name."""

    user_id: str
    name: str


class UnknownUser(Problem, status="not_found"):
    """Nobody is registered as {user_id!r}."""

    user_id: str


class Users(Contract):
    """Who buys here."""

    @command("POST /users", allow="users:write")
    async def register(self, name: Name) -> User:
        """Register somebody, who may order from then on."""
        ...

    @command("PUT /users/{user_id}", allow="users:write", raises=[UnknownUser])
    async def rename(self, user_id: str, name: Name) -> User:
        """Give a user another name."""
        ...

    @query("GET /users/totals", allow="users:read")
    async def get_totals(self) -> UserTotals:
        """Count the users."""
        ...

    @query("GET /users/{user_id}", allow="users:read", raises=[UnknownUser])
    async def get_user(self, user_id: str) -> User:
        """Look a user up."""
        ...
