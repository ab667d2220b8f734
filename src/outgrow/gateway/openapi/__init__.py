"""
How the interface describes itself: OpenAPI.

Floor: house, inside the gateway.
Uses: contracts.
Offers: the document of an application's methods.
"""

from outgrow.gateway.openapi.document import openapi_document

__all__ = ["openapi_document"]
