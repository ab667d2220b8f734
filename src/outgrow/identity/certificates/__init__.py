"""
Keys and certificates: read from a folder, issued by an authority, renewed in time.

Floor: wires; a room inside identity.
Uses: the ground, and of identity the names. Only it knows X.509.
Offers: the identity of a process, whom it lets in, and the authority that issues such identities
on one machine.
"""

from outgrow.identity.certificates.authority import Authority
from outgrow.identity.certificates.guarding import Guard
from outgrow.identity.certificates.identity import Identity
from outgrow.identity.certificates.issuing import Issuer, write_papers
from outgrow.identity.certificates.papers import Papers

__all__ = ["Authority", "Guard", "Identity", "Issuer", "Papers", "write_papers"]
