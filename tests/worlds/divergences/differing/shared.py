"""What two services of one program share, and two programs do not."""

from contextvars import ContextVar

own: ContextVar[str] = ContextVar("own", default="nothing")
seen: list[str] = []
