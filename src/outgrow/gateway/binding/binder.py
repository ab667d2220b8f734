"""From a request to the arguments of a method."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from outgrow.contracts import (
    LimitBroken,
    Method,
    Misfit,
    Parameter,
    Scalar,
    foreign_decoder,
    is_frozen,
    is_record,
    refuse_duplicates,
)
from outgrow.errors import ArgumentsRefused
from outgrow.gateway.binding.diagnosis import Diagnosis
from outgrow.gateway.binding.texts import text_reader
from outgrow.gateway.binding.unknown_fields import KnownFields

_TOO_DEEP = "is nested too deeply"

BODILESS = ("GET", "DELETE")
"""The verbs whose parameters all stand in the URL."""

QUERY_PARAMETERS_MAX = 100


class Binder:
    """
    Reads the arguments of one method from the path, the query string and the body.

    Parameters named in the path are read from it. The others are read from the query string where
    the verb has no body, and else from the body, always a JSON object by the parameters' names. If
    one of them is a stream, the body is its items, and the others stand in the query string.
    """

    def __init__(self, method: Method, findings_max: int) -> None:
        assert method.http is not None
        self._method = method
        self._findings_max = findings_max
        self._path_names = method.http.path_parameters
        by_name = {parameter.name: parameter for parameter in method.parameters}
        self._path = [by_name[name] for name in self._path_names]
        in_path = self._path_names
        rest = [p for p in method.parameters if p.name not in in_path and not p.is_stream]
        self._has_stream = method.stream is not None
        self.takes_body = method.http.verb not in BODILESS and not self._has_stream
        self._query = [] if self.takes_body else rest
        self._body = rest if self.takes_body else []
        self._in_url = self._path + self._query
        self._readers = {p.name: text_reader(p.shape) for p in self._in_url}
        self._is_known = KnownFields().object(p.field for p in self._body)
        body_type = _struct(method, "Body", self._body)
        self._decode_body = foreign_decoder(body_type, self._refuse_unknown)
        streams = [p for p in method.parameters if p.is_stream]
        names = [p.name for p in self._in_url + self._body + streams]
        self._arrange = _arrangement([names.index(p.name) for p in method.parameters])
        # Ids in a path are the commonest arguments of all, and are text already.
        is_plain = all(p.shape == Scalar("str") for p in self._path)
        self._is_plain = is_plain and not rest and not self._has_stream

    def bind(
        self, path_values: tuple[str, ...], query: bytes, body: bytes, stream: Any = None
    ) -> tuple[Any, ...]:
        """
        The arguments in the order of the method's parameters.

        Args:
            path_values: The values of the path's parameters, decoded.
            query: The query string as it was sent.
            body: The whole body; empty if there is none.
            stream: The items of the parameter that is a stream, if one is.

        Raises:
            ArgumentsRefused: All that is wrong with them.
        """
        if self._is_plain and not query and not body and self._arrange is None:
            return path_values
        try:
            values = self._read_url(path_values, query)
            if self.takes_body:
                values += self._read_body(body)
        except (ValueError, RecursionError) as error:
            # msgspec's errors, broken limits and wrong encodings are all ValueErrors.
            findings = self._findings(path_values, query, body) or _fallback(error)
            raise ArgumentsRefused(self._method.full_name, findings) from error
        if self._has_stream:
            values += (stream,)
        return self._arrange(values) if self._arrange else values

    def _read_url(self, path_values: tuple[str, ...], query: bytes) -> tuple[Any, ...]:
        texts = dict(zip(self._path_names, path_values, strict=True))
        if query:
            pairs = _pairs(query)
            texts.update(pairs)
            if len(texts) != len(path_values) + len(pairs) or self.takes_body:
                raise ValueError
        if not texts.keys() <= self._readers.keys():
            raise ValueError
        return tuple(self._read_text(p, texts) for p in self._in_url)

    def _read_text(self, parameter: Parameter, texts: dict[str, str]) -> Any:
        name = parameter.name
        if name in texts:
            return self._readers[name](texts[name])
        if parameter.default is msgspec.NODEFAULT:
            raise ValueError(name)
        return parameter.default

    def _read_body(self, body: bytes) -> tuple[Any, ...]:
        decoded = self._decode_body(body or b"{}")
        return tuple(getattr(decoded, p.name) for p in self._body)

    def _refuse_unknown(self, raw: Any) -> None:
        if not self._is_known(raw):
            raise ValueError

    def _findings(
        self, path_values: tuple[str, ...], query: bytes, body: bytes
    ) -> list[tuple[str, str]]:
        found = itertools.chain(
            self._path_findings(path_values),
            self._query_findings(query),
            self._body_findings(body) if self.takes_body else (),
        )
        try:
            return list(itertools.islice(found, self._findings_max))
        except RecursionError:
            return [("body", _TOO_DEEP)]

    def _path_findings(self, path_values: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        diagnosis = Diagnosis(is_text=True)
        for parameter, value in zip(self._path, path_values, strict=True):
            yield from diagnosis.value(value, parameter.shape, f"path.{parameter.name}")

    def _query_findings(self, query: bytes) -> Iterator[tuple[str, str]]:
        try:
            pairs = _pairs(query)
        except UnicodeDecodeError:
            yield "query", "is not percent-encoded UTF-8"
            return
        except ValueError:
            yield "query", f"has more than {QUERY_PARAMETERS_MAX} parameters"
            return
        if self.takes_body and pairs:
            yield "query", "is not read here; all but the path's parameters stand in the body"
            return
        names = [name for name, _ in pairs]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"query.{name}", f"is given {names.count(name)} times; give it once"
        fields = tuple(p.field for p in self._query)
        known = frozenset(p.name for p in self._query)
        yield from Diagnosis(is_text=True).fields(dict(pairs), fields, known, "query")

    def _body_findings(self, body: bytes) -> Iterator[tuple[str, str]]:
        try:
            raw = msgspec.json.decode(body or b"{}")
        except RecursionError:
            yield "body", _TOO_DEEP
            return
        except ValueError as error:
            yield "body", f"is no JSON: {error}"
            return
        try:
            refuse_duplicates(body or b"{}")
        except Misfit as misfit:
            for place, problem in misfit.findings:
                yield "body" + place, problem
        fields = tuple(p.field for p in self._body)
        known = frozenset(p.name for p in self._body)
        yield from Diagnosis(is_text=False).fields(raw, fields, known, "body")


def _struct(method: Method, part: str, parameters: list[Parameter]) -> type[msgspec.Struct]:
    """A record of *parameters*."""
    fields: list[Any] = []
    for p in parameters:
        if p.default is msgspec.NODEFAULT:
            fields.append((p.name, p.hint))
        elif _is_mutable(p.default):
            default = msgspec.field(default_factory=functools.partial(copy.deepcopy, p.default))
            fields.append((p.name, p.hint, default))
        else:
            fields.append((p.name, p.hint, p.default))
    return msgspec.defstruct(f"{method.name}_{part}", fields, kw_only=True)


def _is_mutable(default: Any) -> bool:
    cls = type(default)
    return isinstance(default, list | dict | set) or (is_record(cls) and not is_frozen(cls))


def _arrangement(indices: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    """What brings values into the parameters' order, or None if they are in it already."""
    if indices == sorted(indices):
        return None
    return operator.itemgetter(*indices)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(
        query.decode(),
        keep_blank_values=True,
        errors="strict",
        max_num_fields=QUERY_PARAMETERS_MAX,
    )


def _fallback(error: Exception) -> list[tuple[str, str]]:
    """What the compiled decoding said, where the diagnosis found nothing."""
    if isinstance(error, Misfit):
        return [("body" + place, problem) for place, problem in error.findings]
    if isinstance(error, LimitBroken):
        return [(error.place or "arguments", error.problem)]
    text, _, place = str(error).partition(" - at `$")
    return [("body" + place.rstrip("`"), text or "does not fit")]
