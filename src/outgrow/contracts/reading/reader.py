"""Read a contract class into its model, with all findings at once."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from outgrow.contracts.declarations import Declaration, declaration_of, is_contract
from outgrow.contracts.durations import parse_duration
from outgrow.contracts.events import (
    event_names,
    event_schema,
    event_upcasters,
    evolution_findings,
    public_events,
)
from outgrow.contracts.fitting import why_unfit_default
from outgrow.contracts.model import ContractModel, EventModel, Method, Parameter
from outgrow.contracts.places import place_of, service_name, service_package
from outgrow.contracts.problems import (
    Problem,
    message_fields,
    problem_schema_fields,
    problem_type,
)
from outgrow.contracts.reached import Reached, namesakes
from outgrow.contracts.reading.bindings import check_taken, read_binding
from outgrow.contracts.reading.streams import check_definition, check_streams
from outgrow.contracts.shapes import (
    Maybe,
    Nothing,
    RecordShape,
    Scalar,
    Shape,
    UnknownShape,
    fields_of,
    read_shape,
    read_stream,
    resolve_hints,
)
from outgrow.errors import Finding, InvalidContract


def read_contract(contract: type) -> ContractModel:
    """
    The model of *contract*; read once and kept with the class.

    Raises:
        InvalidContract: All that is wrong with it, with file and line.
    """
    if "__outgrow_model__" not in contract.__dict__:
        contract.__outgrow_model__ = _Reader(contract).read()  # type: ignore[attr-defined]
    return contract.__outgrow_model__  # type: ignore[attr-defined,no-any-return]


class _Reader:
    """Reads one contract and collects what is wrong with it."""

    def __init__(self, contract: type) -> None:
        self.contract = contract
        self.findings: list[Finding] = []
        self.reached = Reached()

    def read(self) -> ContractModel:
        if not is_contract(self.contract):
            self._find(
                place_of(self.contract),
                f"{self.contract.__name__} is no contract.",
                "A contract derives from outgrow.Contract directly. A class below it is a service "
                "and is marked @service.",
                "not-a-contract",
            )
            raise InvalidContract(self.findings)
        methods = {
            name: method
            for name, function in vars(self.contract).items()
            if not name.startswith("_") and inspect.isfunction(function)
            if (method := self._method(name, function)) is not None
        }
        check_taken(methods.values(), self._find)
        events = self._events()
        self.findings += [*self.reached.findings(), *namesakes(self.contract)]
        InvalidContract.raise_if_any(list(dict.fromkeys(self.findings)))
        service = service_name(self.contract.__module__)
        version: int = self.contract.__outgrow_version__  # type: ignore[attr-defined]
        return ContractModel(
            contract=self.contract,
            service=service,
            package=service_package(self.contract.__module__),
            version=version,
            methods=methods,
            events=events,
            doc=_doc(self.contract),
            place=place_of(self.contract),
        )

    def _find(self, place: str, message: str, remedy: str, slug: str) -> None:
        self.findings.append(Finding(place=place, message=message, remedy=remedy, slug=slug))

    def _method(self, name: str, function: Any) -> Method | None:
        place, declaration = place_of(function), declaration_of(function)
        if declaration is None:
            self._find(
                place,
                f"{self.contract.__name__}.{name} is neither a query nor a command.",
                "Mark it @query if it changes nothing and @command if it does, or begin its name "
                "with an underscore.",
                "method-unmarked",
            )
            return None
        named = f"{self.contract.__name__}.{name}"
        try:
            hints = resolve_hints(function)
        except UnknownShape as error:
            self._find(place, f"{named}: {error}", "", "type-unresolved")
            return None
        parameters = self._parameters(name, function, hints, place)
        role, hint = f"the reply of {name}", hints.get("return", ...)
        reply_hint, is_reply_stream = self._stream(hint, role, place)
        reply = self._shape(reply_hint, role, place, is_item=is_reply_stream)
        check_definition(function, named, hint, place, self._find)
        check_streams(
            name, declaration, parameters, place, self._find, is_reply_stream=is_reply_stream
        )
        self._check_problems(name, declaration, place)
        return Method(
            service=service_name(self.contract.__module__),
            version=self.contract.__outgrow_version__,  # type: ignore[attr-defined]
            name=name,
            kind=declaration.kind,
            repeat=declaration.repeat,
            parameters=parameters,
            reply=reply,
            reply_hint=None if reply_hint is ... else reply_hint,
            is_reply_stream=is_reply_stream,
            http=read_binding(name, declaration, parameters, place, self._find),
            allow=declaration.allow,
            problems={
                problem_type(problem): problem
                for problem in declaration.raises
                if _is_problem(problem)
            },
            deadline_seconds=self._deadline(declaration, place),
            doc=_doc(function),
            place=place,
        )

    def _parameters(
        self, name: str, function: Any, hints: dict[str, Any], place: str
    ) -> tuple[Parameter, ...]:
        parameters = []
        for parameter in list(inspect.signature(function).parameters.values())[1:]:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                self._find(
                    place,
                    f"{self.contract.__name__}.{name} takes {parameter}.",
                    "A method of a contract has named parameters only.",
                    "parameter-kind",
                )
                continue
            before, role = len(self.findings), f"parameter {parameter.name!r} of {name}"
            hint, is_stream = self._stream(hints.get(parameter.name, ...), role, place)
            shape = self._shape(hint, role, place, is_item=is_stream)
            default = (
                msgspec.NODEFAULT if parameter.default is parameter.empty else parameter.default
            )
            read = Parameter(
                name=parameter.name, shape=shape, hint=hint, default=default, is_stream=is_stream
            )
            if len(self.findings) == before and not is_stream:
                self._check_default(read, name, place)
            parameters.append(read)
        return tuple(parameters)

    def _check_default(self, parameter: Parameter, name: str, place: str) -> None:
        reason = why_unfit_default(parameter.field)
        if reason is not None:
            self._find(
                place,
                f"the default {parameter.default!r} of parameter {parameter.name!r} of {name} "
                f"{reason}.",
                "Who leaves the parameter out would be given it. Give a default that fits, or "
                "none.",
                "default-unfit",
            )

    def _stream(self, hint: Any, role: str, place: str) -> tuple[Any, bool]:
        """What *hint* is a stream of, and whether it is one; or *hint* itself."""
        try:
            return read_stream(hint)
        except UnknownShape as error:
            self._find(place, f"{role}: {error}.", "", error.slug)
            return str, True

    def _shape(self, hint: Any, role: str, place: str, *, is_item: bool = False) -> Shape:
        if hint is ...:
            self._find(
                place,
                f"{role} has no type.",
                "Type hints are the interface definition: write one.",
                "type-missing",
            )
            return Scalar("str")
        try:
            shape = read_shape(hint)
            self.reached.read(shape)
        except UnknownShape as error:
            self._find(place, f"{role}: {error}.", "", error.slug)
            return Scalar("str")
        if is_item and isinstance(shape, Maybe | Nothing):
            self._find(
                place,
                f"{role}: its items may be None, which no message of a stream can say.",
                "Each item is a value. Leave it out where there is none, or make it a field of a "
                "record.",
                "stream-item",
            )
        return shape

    def _check_problems(self, name: str, declaration: Declaration, place: str) -> None:
        for problem in declaration.raises:
            if not _is_problem(problem):
                self._find(
                    place,
                    f"{name} raises {getattr(problem, '__name__', problem)}, which is no problem.",
                    "Declared are subclasses of Problem, whose fields reach the caller. Anything "
                    "else arrives as CallFailed, without being declared.",
                    "raises-no-problem",
                )
                continue
            try:
                fields = problem_schema_fields(problem)
                for field in fields:
                    self.reached.read(field.shape)
                self._check_message(problem, [field.name for field in fields])
            except UnknownShape as error:
                text = f"problem {problem.__name__} of {name}: {error}."
                self._find(place, text, "", error.slug)

    def _check_message(self, problem: type[Problem], names: list[str]) -> None:
        for unknown in sorted(message_fields(problem) - set(names)):
            self._find(
                place_of(problem),
                f"the message of problem {problem.__name__} names {{{unknown}}}, which is no "
                "field of it.",
                f"Its fields: {', '.join(names) or 'none'}.",
                "problem-message",
            )

    def _deadline(self, declaration: Declaration, place: str) -> float | None:
        if declaration.deadline is None:
            return None
        try:
            return parse_duration(declaration.deadline)
        except ValueError as error:
            self._find(place, str(error), "", "duration")
            return None

    def _events(self) -> tuple[EventModel, ...]:
        models = []
        for event in public_events(service_package(self.contract.__module__)):
            try:
                fields = fields_of(event)
                reached = Reached()
                reached.read(RecordShape(event))
            except UnknownShape as error:
                self._find(place_of(event), f"{error}.", "", error.slug)
                continue
            self.findings += [*reached.findings(), *evolution_findings(event)]
            name, *aliases = event_names(event)
            models.append(
                EventModel(
                    event=event,
                    type=name,
                    fields=fields,
                    key=event.__outgrow_key__,  # type: ignore[attr-defined]
                    schema=event_schema(event),
                    aliases=tuple(aliases),
                    upcasts=tuple(sorted(event_upcasters(event))),
                    doc=_doc(event),
                )
            )
        return tuple(models)


def _is_problem(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Problem) and thing is not Problem


def _doc(thing: Any) -> str:
    if isinstance(thing, type):  # not what it inherits
        return inspect.cleandoc(thing.__dict__.get("__doc__") or "")
    return inspect.getdoc(thing) or ""
