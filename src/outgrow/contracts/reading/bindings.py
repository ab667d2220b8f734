"""Where methods are found over HTTP, and what cannot be written there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from outgrow.contracts.declarations import Binding, Declaration, parse_binding
from outgrow.contracts.model import Method, Parameter
from outgrow.contracts.shapes import Choice, Maybe, OneValueOf, Scalar

Find = Callable[[str, str, str, str], None]
"""Takes what is wrong: place, message, remedy and slug."""


def read_binding(
    name: str, declaration: Declaration, parameters: tuple[Parameter, ...], place: str, find: Find
) -> Binding | None:
    """The binding of the method *name*, if it has one; what is wrong with it goes to *find*."""
    if declaration.http is None:
        return None
    try:
        binding = parse_binding(declaration.http)
    except ValueError as error:
        find(place, f"{name}: {error}", "", "http-binding")
        return None
    _check_path(name, binding, parameters, place, find)
    if binding.verb in ("GET", "DELETE") or any(one.is_stream for one in parameters):
        _check_query_string(name, binding, parameters, place, find)
    _check_stream(name, binding, parameters, place, find)
    if declaration.kind == "command" and binding.verb == "GET":
        find(
            place,
            f"command {name} is bound to GET.",
            "Whoever may repeat or cache a GET expects that it changes nothing. Use POST.",
            "http-command-get",
        )
    return binding


def _check_path(
    name: str, binding: Binding, parameters: tuple[Parameter, ...], place: str, find: Find
) -> None:
    single = {one.name for one in parameters if _is_single(one)}
    for parameter in binding.path_parameters:
        if parameter not in single:
            find(
                place,
                f"the path of {name} has {{{parameter}}}, which is no single value among its "
                "parameters.",
                f"Its parameters: {', '.join(one.name for one in parameters) or 'none'}.",
                "http-path-parameter",
            )


def _check_query_string(
    name: str, binding: Binding, parameters: tuple[Parameter, ...], place: str, find: Find
) -> None:
    has_stream = any(one.is_stream for one in parameters)
    reason = "The body is the stream" if has_stream else f"{binding.verb} has no body"
    better = "Use POST" if not has_stream else "Let the items of the stream say it"
    for parameter in parameters:
        if parameter.is_stream or parameter.name in binding.path_parameters:
            continue
        if not _is_single(parameter, may_be_optional=True):
            find(
                place,
                f"parameter {parameter.name!r} of {name} cannot be written in a URL.",
                f"{reason}, so the other parameters are single values in the URL. "
                f"{better}, or give it single values."
                if has_stream
                else f"{reason}, so its parameters are single values. "
                f"{better}, or give it single values.",
                "http-query-parameter",
            )


def _check_stream(
    name: str, binding: Binding, parameters: tuple[Parameter, ...], place: str, find: Find
) -> None:
    for parameter in parameters:
        if parameter.is_stream and binding.verb != "POST":
            find(
                place,
                f"{name} takes the stream {parameter.name!r} and is bound to {binding.verb}.",
                "A stream comes as the lines of a body, which is for POST. Use POST.",
                "http-stream-verb",
            )


def _is_single(parameter: Parameter, *, may_be_optional: bool = False) -> bool:
    shape = parameter.shape
    if may_be_optional and isinstance(shape, Maybe):
        shape = shape.item
    return not parameter.is_stream and isinstance(shape, Scalar | Choice | OneValueOf)


def check_taken(methods: Iterable[Method], find: Find) -> None:
    """Whether each verb and path leads to one of *methods*."""
    seen: dict[tuple[str, str], Method] = {}
    for method in methods:
        if method.http is None:
            continue
        form = "/".join("{}" if s.startswith("{") else s for s in method.http.path.split("/"))
        other = seen.setdefault((method.http.verb, form), method)
        if other is not method:
            find(
                method.place,
                f"{method.name} and {other.name} are both bound to "
                f"{method.http.verb} {method.http.path}.",
                "A verb and path lead to one method.",
                "http-binding-taken",
            )
