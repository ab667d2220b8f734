"""
What every saga of an application must survive, as tests that are made for it.

Floor: doors; a room inside testing.
Uses: process, topology, sagas, the ground.
Offers: tests that fail each step and each undo of a saga, and kill its process.
"""

from outgrow.testing.sagas.suite import SagaSuite, saga_suite

__all__ = ["SagaSuite", "saga_suite"]
