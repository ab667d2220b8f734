"""What an execution can tell about itself."""

from outgrow import context
from parity.ledger.contract import Seen


def see_context() -> Seen:
    """What the current execution knows about itself."""
    now = context()
    return Seen(
        subject=now.caller.subject,
        kind=now.caller.kind,
        tenant=now.caller.tenant,
        correlation_id=now.correlation_id,
        trace=f"{now.trace_id:032x}",
        span=f"{now.span_id:016x}",
        via=now.via,
        key=now.key,
    )
