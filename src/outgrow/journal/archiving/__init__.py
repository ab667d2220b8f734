"""
Old rows of a journal in files: written, proven, deleted from the store, and put back.

Floor: store, journal, sagas; a room inside journal.
Uses: of journal its reading, the outbox and audits; the store.
Offers: archives of the services here, and the reading and proving of archives anywhere.
"""

from outgrow.journal.archiving.answers import Archived, Deleted, Restored
from outgrow.journal.archiving.archives import Archives, warn_of_archives
from outgrow.journal.archiving.files import Header, Verified, read_rows, verify_archives

__all__ = [
    "Archived",
    "Archives",
    "Deleted",
    "Header",
    "Restored",
    "Verified",
    "read_rows",
    "verify_archives",
    "warn_of_archives",
]
