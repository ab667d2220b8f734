"""
What a service promises.

Floor: words; pure. No network, no database, no event loop.
Uses: the ground.
Offers: what users declare contracts with, and the model that everything else is derived from.
"""

from outgrow.contracts.checks import Check, LimitBroken, compile_check
from outgrow.contracts.declarations import (
    Binding,
    Contract,
    command,
    contracts_of,
    is_contract,
    query,
)
from outgrow.contracts.durations import parse_duration
from outgrow.contracts.model import ContractModel, EventModel, Method, Parameter
from outgrow.contracts.places import (
    caller_place,
    place_at,
    place_of,
    service_name,
    service_package,
)
from outgrow.contracts.problems import (
    STATUSES,
    Problem,
    decode_problem,
    encode_problem,
    problem_fields,
    problem_schema_fields,
    problem_type,
)
from outgrow.contracts.reading import read_contract
from outgrow.contracts.records import Event, Record, event_key, event_type, public_events
from outgrow.contracts.secrets import Secret
from outgrow.contracts.shapes import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    RecordShape,
    Scalar,
    Shape,
    UnknownShape,
    fields_of,
    read_shape,
    resolve_hints,
)

__all__ = [
    "STATUSES",
    "Binding",
    "Check",
    "Choice",
    "Contract",
    "ContractModel",
    "Event",
    "EventModel",
    "Field",
    "LimitBroken",
    "ListOf",
    "MapOf",
    "Maybe",
    "Method",
    "Nothing",
    "Parameter",
    "Problem",
    "Record",
    "RecordShape",
    "Scalar",
    "Secret",
    "Shape",
    "UnknownShape",
    "caller_place",
    "command",
    "compile_check",
    "contracts_of",
    "decode_problem",
    "encode_problem",
    "event_key",
    "event_type",
    "fields_of",
    "is_contract",
    "parse_duration",
    "place_at",
    "place_of",
    "problem_fields",
    "problem_schema_fields",
    "problem_type",
    "public_events",
    "query",
    "read_contract",
    "read_shape",
    "resolve_hints",
    "service_name",
    "service_package",
]
