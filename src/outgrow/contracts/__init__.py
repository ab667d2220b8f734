"""
What a service promises.

Floor: words; pure. No network, no database, no event loop.
Uses: the ground.
Offers: what users declare contracts with, and the model that everything else is derived from.
"""

from outgrow.contracts.declarations import (
    Binding,
    Contract,
    command,
    contracts_of,
    is_contract,
    query,
)
from outgrow.contracts.durations import parse_duration
from outgrow.contracts.events import (
    Event,
    event_key,
    event_names,
    event_schema,
    event_type,
    event_upcasters,
    evolution_findings,
    public_events,
)
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
from outgrow.contracts.records import Record
from outgrow.contracts.secrets import Secret
from outgrow.contracts.shapes import (
    Check,
    Choice,
    Field,
    Limit,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    UnknownShape,
    compile_check,
    fields_of,
    is_frozen,
    is_pydantic,
    is_record,
    is_struct,
    parts_of,
    read_shape,
    resolve_hints,
)
from outgrow.contracts.upcasting import EventReader, upcast

__all__ = [
    "STATUSES",
    "Binding",
    "Check",
    "Choice",
    "Contract",
    "ContractModel",
    "Event",
    "EventModel",
    "EventReader",
    "Field",
    "Limit",
    "LimitBroken",
    "ListOf",
    "MapOf",
    "Maybe",
    "Method",
    "Nothing",
    "OneOf",
    "OneValueOf",
    "Parameter",
    "Problem",
    "Record",
    "RecordShape",
    "Scalar",
    "Secret",
    "Shape",
    "TupleOf",
    "UnknownShape",
    "caller_place",
    "command",
    "compile_check",
    "contracts_of",
    "decode_problem",
    "encode_problem",
    "event_key",
    "event_names",
    "event_schema",
    "event_type",
    "event_upcasters",
    "evolution_findings",
    "fields_of",
    "is_contract",
    "is_frozen",
    "is_pydantic",
    "is_record",
    "is_struct",
    "parse_duration",
    "parts_of",
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
    "upcast",
]
