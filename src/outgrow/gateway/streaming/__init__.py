"""
Streams over HTTP: items that come in the lines of a body, and answers that are sent item by item.

Floor: house, inside the gateway.
Uses: calls, contracts; of the gateway requests and how their arguments are read.
Offers: what reads a body line by line, and what sends an answer as its items come, as server-sent
events or as lines of JSON.
"""

from outgrow.gateway.streaming.framing import framing_of, item_findings
from outgrow.gateway.streaming.lines import LineReader, Lines
from outgrow.gateway.streaming.sending import Streaming

__all__ = ["LineReader", "Lines", "Streaming", "framing_of", "item_findings"]
