"""Who did what, when: the rows of journals under one key, or of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from outgrow.errors import ControlError
from outgrow.store import Store

SCANNED_ROWS_MAX: Final = 100_000
"""How many positions of a journal are looked through at once; who asks goes on from there."""

ROWS_MAX: Final = 1_000
"""How many rows are told at once."""

BODIES_BYTES_MAX: Final = 4 * 1024 * 1024
"""How much their bodies may take."""

_ENDS = "select coalesce(min(position), 0), coalesce(max(position), 0) from outgrow_journal"
_COLUMNS = (
    "position, id, kind, type, key, destination, cause, correlation_id, caller, tenant, "
    "recorded_at, body"
)
_FIND = (
    f"select {_COLUMNS} from outgrow_journal "  # noqa: S608 - our own columns
    "where position > ? and position <= ? "
    "and (cast(? as text) is null or key = ?) "
    "and (cast(? as text) is null or correlation_id = ?) "
    "order by position desc limit ?"
)


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """
    One row of a history.

    Attributes:
        who: The caller at the beginning of the request, as ``user ada``.
        cause: The id of the execution that said it.
        body: What was said.
    """

    service: str
    position: int
    id: str
    kind: str
    type: str
    key: str | None
    destination: str | None
    who: str
    tenant: str | None
    recorded_at: str
    correlation_id: str
    cause: str | None
    body: Any


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """
    Some rows of one journal, the newest first.

    Attributes:
        before: Where to go on looking; None if the journal's beginning was reached.
    """

    rows: list[Deed]
    before: int | None


class Histories:
    """Looks through the journals of the services here. Lives as long as its delivery."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._stores = stores

    @property
    def services(self) -> list[str]:
        """Those that have a journal here."""
        return sorted(self._stores)

    async def page(
        self,
        service: str,
        *,
        key: str | None = None,
        correlation_id: str | None = None,
        before: int | None = None,
    ) -> HistoryPage:
        """
        The rows of the journal of *service* with a key, or of one request, or both.

        Looks at 100,000 positions at most, so there may be none on a page, and more on the next.

        Args:
            before: Only rows with smaller positions.

        Raises:
            ControlError: The service has no journal here, or neither was given.
        """
        store = self._stores.get(service)
        if store is None:
            names = ", ".join(self.services) or "none"
            raise ControlError(f"{service!r} has no journal in this process. There are: {names}.")
        if key is None and correlation_id is None:
            message = "whose history? Name a key, or the correlation id of a request."
            raise ControlError(message)
        async with store.read() as snapshot:
            ((first, last),) = await snapshot.own(_ENDS)
            up_to = last if before is None else min(before - 1, last)
            after = max(up_to - SCANNED_ROWS_MAX, first - 1, 0)
            wanted = (after, up_to, key, key, correlation_id, correlation_id, ROWS_MAX)
            found = await snapshot.own(_FIND, wanted)
        rows: list[Deed] = []
        size = 0
        for row in found:
            size += len(row[-1])
            if size > BODIES_BYTES_MAX and rows:
                break
            rows.append(_deed(service, row))
        if len(rows) < len(found) or len(found) == ROWS_MAX:
            return HistoryPage(rows=rows, before=rows[-1].position)
        return HistoryPage(rows=rows, before=after + 1 if after >= first > 0 else None)


def _deed(service: str, row: tuple[Any, ...]) -> Deed:
    told = dict(zip(_COLUMNS.split(", "), row, strict=True))
    caller = msgspec.json.decode(told.pop("caller"))
    who = f"{caller.get('kind', 'anonymous')} {caller.get('subject', '')}".strip()
    body = msgspec.json.decode(told.pop("body"))
    return Deed(service=service, who=who, body=body, **told)
