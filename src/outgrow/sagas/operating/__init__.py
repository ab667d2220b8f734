"""
What an operator sees of sagas, and decides about them.

Floor: store, journal, sagas; a room inside sagas.
Uses: of sagas what is written down, and what works at them; contracts, journal, store.
Offers: sagas as they stand, decisions that leave a row in the journal, drawings, and what is wrong
with the code of sagas.
"""

from outgrow.sagas.operating.deciding import Deciding
from outgrow.sagas.operating.drawing import draw_code, draw_written
from outgrow.sagas.operating.finding import saga_findings
from outgrow.sagas.operating.flow import Asked, Flow, Place
from outgrow.sagas.operating.reading import read_flow
from outgrow.sagas.operating.showing import SagaShown, SagaTold, Showing, StepShown, Wanted

__all__ = [
    "Asked",
    "Deciding",
    "Flow",
    "Place",
    "SagaShown",
    "SagaTold",
    "Showing",
    "StepShown",
    "Wanted",
    "draw_code",
    "draw_written",
    "read_flow",
    "saga_findings",
]
