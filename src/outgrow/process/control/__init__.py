"""
The control channel: how the command line and tests reach running processes, and nothing else does.

Floor: house; a room inside process.
Uses: of process the application.
Offers: the channel that each process serves, its verbs, and how to ask them.
"""

from outgrow.process.control.asking import ask, ask_async
from outgrow.process.control.channel import ControlChannel, Verb
from outgrow.process.control.contracts import reported_contracts, running_contracts
from outgrow.process.control.everyone import Answers, ask_everyone, control_socket
from outgrow.process.control.operating import Dead, Operator
from outgrow.process.control.sagas import SagaOperator
from outgrow.process.control.verbs import control_verbs

__all__ = [
    "Answers",
    "ControlChannel",
    "Dead",
    "Operator",
    "SagaOperator",
    "Verb",
    "ask",
    "ask_async",
    "ask_everyone",
    "control_socket",
    "control_verbs",
    "reported_contracts",
    "running_contracts",
]
