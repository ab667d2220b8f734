"""
How the events of an application describe themselves: AsyncAPI.

Floor: house, inside the gateway.
Uses: contracts.
Offers: the document of an application's public events.
"""

from outgrow.gateway.asyncapi.document import asyncapi_document

__all__ = ["asyncapi_document"]
