"""The first life of a story: payments are recorded in the forms of earlier years, in turn."""

import itertools
from typing import Any

from parity.ledger.before import paid_in
from parity.ledger.contract import Paid

from outgrow.journal.outbox import Outbox


def plant() -> None:
    """Let payments be recorded as by the first version of the code, and by the second."""
    event, schemas = Outbox.event, itertools.cycle([1, 2])

    def event_of_before(self: Any, said: Any) -> Any:
        if type(said) is Paid:
            said = paid_in(next(schemas), said.account, said.cents)
        return event(self, said)

    Outbox.event = event_of_before  # type: ignore[method-assign]
