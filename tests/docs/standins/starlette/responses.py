"""What an endpoint answers."""

from __future__ import annotations

from typing import Any


class PlainTextResponse:
    """A text."""

    def __init__(self, text: str, status_code: int = 200) -> None:
        self._text = text
        self._status = status_code

    async def __call__(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": []})
        await send({"type": "http.response.body", "body": self._text.encode()})
