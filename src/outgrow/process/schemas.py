"""What the rooms above the store keep in the store of each service."""

from __future__ import annotations

from outgrow import journal, sagas

SCHEMAS = (journal.SCHEMA, sagas.SCHEMA)
