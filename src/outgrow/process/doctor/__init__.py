"""
Can the program run here? This machine, the state folder, and what runs already.

Floor: house; a room inside process.
Uses: of process the control channel; topology and the store's needs.
Offers: an examination that changes nothing, with a remedy for each problem.
"""

from outgrow.process.doctor.examination import examine
from outgrow.process.doctor.observation import Observation

__all__ = ["Observation", "examine"]
