"""All kinds of change, in the order in which the page shows them."""

from __future__ import annotations

from tests.contracts.changes import (
    case_events,
    case_fields,
    case_methods,
    case_streams,
    case_types,
)
from tests.contracts.changes.case import Case

SECTIONS: dict[str, list[Case]] = {
    "Parameters of methods": case_fields.PARAMETERS,
    "Fields of records": case_fields.RECORDS,
    "Types": [*case_types.SCALARS, *case_types.NONE, *case_types.COLLECTIONS],
    "Limits": case_types.LIMITS,
    "Enumerations": case_types.ENUMS,
    "Unions": case_types.UNIONS,
    "Methods and contracts": case_methods.METHODS,
    "Streams": case_streams.CASES,
    "Promises about repeats": case_methods.REPEATS,
    "Permissions and deadlines": case_methods.PROMISES,
    "HTTP": case_methods.HTTP,
    "Problems": case_methods.PROBLEMS,
    "Events": case_events.CASES,
}
CASES = [case for cases in SECTIONS.values() for case in cases]
