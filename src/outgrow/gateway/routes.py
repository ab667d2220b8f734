"""Which endpoint a verb and path lead to."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from outgrow.gateway.exchange import Reply, Request
from outgrow.gateway.refusals import Refusal
from outgrow.gateway.streaming import Streaming

NEAREST_MAX = 3


class Endpoint(Protocol):
    """What answers the requests of one route."""

    async def answer(self, request: Request) -> Reply | Streaming:
        """The reply to *request*, or what sends it."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """
    A verb and path, and what answers there.

    Attributes:
        verb: The HTTP method.
        path: The path, its parameters in braces.
        endpoint: What answers.
        owner: Who has the route, for messages: ``service.method`` or ``outgrow``.
        place: ``file:line`` of its definition, if a contract's.
    """

    verb: str
    path: str
    endpoint: Endpoint
    owner: str
    place: str = ""


@dataclass(slots=True, eq=False)
class _Branch:
    """The routes below one more segment."""

    literals: dict[str, _Branch] = field(default_factory=dict)
    parameter: _Branch | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """
    Finds the route of a request.

    Paths without parameters are found by one look-up; the others by their segments, of which a
    written one goes before a parameter. Nothing is redirected or corrected: ``/orders/`` is not
    ``/orders``.
    """

    def __init__(self) -> None:
        self._static: dict[str, dict[str, Route]] = {}
        self._root = _Branch()
        self._paths: dict[str, None] = {}

    def add(self, route: Route) -> Route | None:
        """Add *route*; if its verb and path are taken, leave all as it is and return who has it."""
        branch = self._root
        for segment in route.path.split("/")[1:]:
            if segment.startswith("{"):
                branch.parameter = branch.parameter or _Branch()
                branch = branch.parameter
            else:
                branch = branch.literals.setdefault(segment, _Branch())
        if route.verb in branch.routes:
            return branch.routes[route.verb]
        branch.routes[route.verb] = route
        self._paths[route.path] = None
        if "{" not in route.path:
            self._static[route.path] = branch.routes
        return None

    def find(self, request: Request) -> Route:
        """
        The route of *request*, whose path parameters are set.

        Raises:
            Refusal: No route has the path, or those that have it take other verbs.
        """
        verb = "GET" if request.verb == "HEAD" else request.verb
        static = self._static.get(request.path)
        if static is not None and verb in static and "%" not in request.raw_path:
            return static[verb]
        segments = request.segments()
        found = _find(self._root, verb, segments, 0)
        if found is not None:
            route, request.path_values = found
            return route
        allowed = self._verbs(segments)
        if not allowed:
            raise self._unknown(request)
        raise Refusal(
            405,
            "VerbNotAllowed",
            f"{request.path} does not take {request.verb}. It takes {', '.join(allowed)}.",
            headers=((b"allow", ", ".join(allowed).encode()),),
            allowed=allowed,
        )

    def verbs(self, request: Request) -> list[str]:
        """
        The verbs that the path of *request* takes.

        Raises:
            Refusal: No route has the path.
        """
        allowed = self._verbs(request.segments())
        if not allowed:
            raise self._unknown(request)
        return allowed

    def _verbs(self, segments: list[str]) -> list[str]:
        verbs = {verb for branch in _walk(self._root, segments, 0) for verb in branch.routes}
        if "GET" in verbs:
            verbs.add("HEAD")
        return sorted(verbs | {"OPTIONS"}) if verbs else []

    def _unknown(self, request: Request) -> Refusal:
        nearest = self.nearest(request.path)
        known = f" Nearest: {', '.join(nearest)}." if nearest else ""
        return Refusal(
            404,
            "RouteUnknown",
            f"Nothing is found at {_cut(request.path)}.{known}",
            nearest=nearest,
        )

    def nearest(self, path: str) -> list[str]:
        """The paths most like *path*, nearest first; none if nothing is like it."""
        asked = [segment for segment in path.split("/") if segment][:8]
        firsts = {known.split("/")[1] for known in self._paths}
        if not asked:
            return []
        # Only first segments are compared letter by letter: a miss must not cost more than a hit.
        alike = difflib.get_close_matches(asked[0][:40], firsts, n=2, cutoff=0.6)
        ranked = sorted(
            (-_likeness(known.split("/")[1:], [first, *asked[1:]]), known)
            for first in alike
            for known in self._paths
            if known.split("/")[1] == first
        )
        return [known for _, known in ranked[:NEAREST_MAX]]


def _find(
    branch: _Branch, verb: str, segments: list[str], at: int
) -> tuple[Route, tuple[str, ...]] | None:
    """The best route that takes *verb*, with the values of its parameters."""
    if at == len(segments):
        route = branch.routes.get(verb)
        return None if route is None else (route, ())
    segment = segments[at]
    below = branch.literals.get(segment)
    if below is not None:
        found = _find(below, verb, segments, at + 1)
        if found is not None:
            return found
    if branch.parameter is not None and segment:
        found = _find(branch.parameter, verb, segments, at + 1)
        if found is not None:
            return found[0], (segment, *found[1])
    return None


def _walk(branch: _Branch, segments: list[str], at: int) -> Iterator[_Branch]:
    """All branches that *segments* lead to."""
    if at == len(segments):
        yield branch
        return
    segment = segments[at]
    below = branch.literals.get(segment)
    if below is not None:
        yield from _walk(below, segments, at + 1)
    if branch.parameter is not None and segment:
        yield from _walk(branch.parameter, segments, at + 1)


def _likeness(known: list[str], asked: list[str]) -> int:
    same = sum(k == a or k.startswith("{") for k, a in zip(known, asked, strict=False))
    return 2 * same - abs(len(known) - len(asked))


def _cut(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:97]}..."
