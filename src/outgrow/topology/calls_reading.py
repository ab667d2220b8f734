"""The section ``[calls]`` of ``outgrow.toml``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from outgrow.contracts import ContractModel, Method, parse_duration
from outgrow.errors import Finding
from outgrow.topology.calls import Calls
from outgrow.topology.page import Page, nearest

ADAPTIVE: Final = "adaptive"
CONCURRENCY_SETTING_MAX: Final = 100_000
"""The largest limit that one method may be given."""


def method_findings(calls: Calls, models: Iterable[ContractModel]) -> list[Finding]:
    """What is wrong with the sections of methods; only of services that *models* tell of."""
    known: dict[str, dict[str, Method]] = {}
    for model in models:
        known.setdefault(model.service, {}).update(model.methods)
    findings = []
    for (service, name), said in calls.methods.items():
        place, method = calls.places[service, name], known.get(service, {}).get(name)
        if method is not None:
            if method.is_streaming and said.get("concurrency") is not None:
                findings.append(_no_limit(place, method))
        elif service in known:
            findings.append(
                Finding(
                    place=place,
                    message=f"calls of {service + '.' + name!r}, which is no method of a contract.",
                    remedy=nearest(name, known[service]),
                    slug="unknown-method",
                )
            )
    return findings


def _no_limit(place: str, method: Method) -> Finding:
    return Finding(
        place=place,
        message=f"'concurrency' is said of {method.full_name}, which has a stream.",
        remedy="Leave it out: all streams of a process have one limit together. See "
        "docs/reference/limits.md.",
        slug="stream-concurrency",
    )


def read_calls(page: Page, table: Any, services: Iterable[str]) -> Calls:
    """
    What the section ``[calls]`` says; what is wrong with it is added to the findings of *page*.

    Args:
        table: The section as it was read.
        services: The services of the application.
    """
    reader, services = _Reader(page), list(services)
    calls = Calls(everywhere=reader.keys("calls", table, services))
    for service, inner in _tables(table):
        section = f"calls.{service}"
        if service not in services:
            text = f"calls of {service!r}, which is no service of this application."
            page.find(page.line(section), text, nearest(service, services), "unknown-service")
            continue
        calls.services[service] = reader.keys(section, inner)
        for method, innermost in _tables(inner):
            at = f"{section}.{method}"
            calls.places[service, method] = f"{page.file}:{page.line(at)}"
            calls.methods[service, method] = reader.keys(at, innermost, is_method=True)
    return calls


def _tables(table: Any) -> list[tuple[str, dict[str, Any]]]:
    items = table.items() if isinstance(table, dict) else ()
    return [(name, value) for name, value in items if isinstance(value, dict)]


class _Reader:
    """Reads the keys of one section after the other."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def keys(
        self, section: str, table: Any, names: list[str] | None = None, *, is_method: bool = False
    ) -> dict[str, Any]:
        """
        The keys of *section*, by their names in `CallSettings`.

        Args:
            names: What a section inside of it may be called, to tell who misspells one.
        """
        read: dict[str, Any] = {}
        if not isinstance(table, dict):
            return read
        known = METHOD_KEYS if is_method else KEYS
        for key, value in table.items():
            line = self._page.line(section, key)
            if isinstance(value, dict) and not is_method:
                continue
            if key not in known:
                text = f"unknown key {key!r} in [{section}]."
                if key in KEYS:
                    remedy = (
                        f"It holds for a whole service: write it in [{section.rpartition('.')[0]}]."
                    )
                else:
                    remedy = nearest(key, [*known, *(names or ())])
                self._page.find(line, text, remedy, "unknown-key")
                continue
            convert, kind = known[key]
            try:
                name, good = convert(value)
            except (TypeError, ValueError):
                text = f"{key!r} in [{section}] is {value!r}."
                self._page.find(line, text, f"It should be {kind}.", "wrong-type")
            else:
                read[name] = good
        return read


def _deadline(value: Any) -> tuple[str, float]:
    seconds = parse_duration(value) if isinstance(value, str) else 0.0
    return "deadline_seconds", _where(seconds, seconds > 0)


def _concurrency(value: Any) -> tuple[str, int | None]:
    if value == ADAPTIVE:
        return "concurrency", None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return "concurrency", _where(value, is_number and 1 <= value <= CONCURRENCY_SETTING_MAX)


def _retries(value: Any) -> tuple[str, float]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "retries", float(_where(value, is_number and 0 <= value <= 1))


def _ejection(value: Any) -> tuple[str, bool]:
    return "ejection", _where(value, isinstance(value, bool))


def _compression(value: Any) -> tuple[str, str]:
    return "compression", _where(value, value in ("none", "gzip"))


def _where(value: Any, condition: bool) -> Any:  # noqa: FBT001 - read as a sentence
    if not condition:
        raise ValueError(value)
    return value


METHOD_KEYS: Final[dict[str, tuple[Callable[[Any], tuple[str, Any]], str]]] = {
    "deadline": (_deadline, 'a duration in quotes, such as "2s" or "500ms"'),
    "concurrency": (
        _concurrency,
        f'"adaptive", or a whole number from 1 to {CONCURRENCY_SETTING_MAX}',
    ),
}
KEYS: Final[dict[str, tuple[Callable[[Any], tuple[str, Any]], str]]] = {
    **METHOD_KEYS,
    "retries": (_retries, "a number from 0, which is none, to 1, such as 0.1"),
    "ejection": (_ejection, "true or false"),
    "compression": (_compression, '"none" or "gzip"'),
}
