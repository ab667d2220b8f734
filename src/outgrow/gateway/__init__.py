"""
The front door for the outside world: public routes, and what they lead to.

Floor: house.
Uses: contracts, calls, sagas.
Offers: an ASGI application made from contracts, a listener that serves one, and the documents that
describe what contracts offer to the outside: OpenAPI and AsyncAPI.
"""

from outgrow.gateway.asyncapi import asyncapi_document
from outgrow.gateway.edge import Edge, anonymous
from outgrow.gateway.endpoints import Authenticate
from outgrow.gateway.exchange import Headers
from outgrow.gateway.limits import Limits
from outgrow.gateway.listening import Listener, open_socket
from outgrow.gateway.openapi import openapi_document
from outgrow.gateway.pages import Health

__all__ = [
    "Authenticate",
    "Edge",
    "Headers",
    "Health",
    "Limits",
    "Listener",
    "anonymous",
    "asyncapi_document",
    "open_socket",
    "openapi_document",
]
