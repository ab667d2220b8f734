"""
Plan and contracts become running services: start, ready, drain, stop.

Floor: house.
Uses: everything below.
Offers: the application, service classes, and the life of a process.
"""

from outgrow.process.application import STATE_FOLDER, Application, start, start_application
from outgrow.process.blocking import blocking
from outgrow.process.inherited import Inherited, take_inherited
from outgrow.process.leash import leashed
from outgrow.process.loading import declared_services
from outgrow.process.options import Hosted, Options, in_process
from outgrow.process.running import run_process, run_seat, run_together
from outgrow.process.seating import (
    SUPERVISOR,
    Seat,
    Seating,
    read_seating,
    seating_path,
)
from outgrow.process.service import service
from outgrow.process.stores import open_service_store

__all__ = [
    "STATE_FOLDER",
    "SUPERVISOR",
    "Application",
    "Hosted",
    "Inherited",
    "Options",
    "Seat",
    "Seating",
    "blocking",
    "declared_services",
    "in_process",
    "leashed",
    "open_service_store",
    "read_seating",
    "run_process",
    "run_seat",
    "run_together",
    "seating_path",
    "service",
    "start",
    "start_application",
    "take_inherited",
]
