"""
What contracts carry, as JSON Schema.

Floor: house, inside the gateway.
Uses: contracts.
Offers: schemas of shapes and records, in the dialects of OpenAPI and AsyncAPI.
"""

from outgrow.gateway.schemas.scalars import Json
from outgrow.gateway.schemas.schemas import Schemas, tag_of_struct

__all__ = ["Json", "Schemas", "tag_of_struct"]
