"""
Where every service should live.

Floor: words; pure. No network, no database, no event loop.
Uses: contracts.
Offers: the plan that outgrow.toml holds, the settings of services, and of calls to them.
"""

from outgrow.topology.calls import Calls, CallSettings
from outgrow.topology.calls_reading import method_findings
from outgrow.topology.plan import (
    NATS,
    STATIC,
    WEIGHT_DEFAULT,
    Address,
    Placement,
    Plan,
    Topology,
    process_of,
    replica_name,
)
from outgrow.topology.reading import read_topology
from outgrow.topology.settings import Settings, fill_settings
from outgrow.topology.stores import POSTGRES, SQLITE, fault_of, names_its_own, shown, variable

__all__ = [
    "NATS",
    "POSTGRES",
    "SQLITE",
    "STATIC",
    "WEIGHT_DEFAULT",
    "Address",
    "CallSettings",
    "Calls",
    "Placement",
    "Plan",
    "Settings",
    "Topology",
    "fault_of",
    "fill_settings",
    "method_findings",
    "names_its_own",
    "process_of",
    "read_topology",
    "replica_name",
    "shown",
    "variable",
]
