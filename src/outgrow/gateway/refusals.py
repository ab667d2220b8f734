"""Why a request was answered by the edge itself."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """
    The edge refuses the request; nothing has run.

    Attributes:
        status: The HTTP status.
        name: The problem's name behind ``outgrow.``; stable.
        detail: What happened, and what would be right.
        headers: Headers that belong to the status.
        fields: More members of the problem.
    """

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **fields: Any,
    ) -> None:
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = headers
        self.fields = fields
        super().__init__(detail)


class ClientGone(Exception):
    """The client went away; nobody is there to be answered."""
