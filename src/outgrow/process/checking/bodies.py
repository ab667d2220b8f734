"""What the body of a function does with the clients that it can reach."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from outgrow.calls import using
from outgrow.contracts import contracts_of, is_contract
from outgrow.process.checking.sources import Function, Sources
from outgrow.process.service import ServiceModel


@dataclass(frozen=True, slots=True)
class ClientOf:
    """A client of a contract."""

    contract: type


@dataclass(frozen=True, slots=True)
class MethodOf:
    """A method of a client."""

    contract: type
    name: str


@dataclass(frozen=True, slots=True)
class Itself:
    """The service, in its own methods."""


@dataclass(frozen=True, slots=True)
class Code:
    """A function of the program; a method of the service itself if it *is_own*."""

    function: FunctionType
    is_own: bool


@dataclass(frozen=True, slots=True)
class Several:
    """A list, tuple or dict of such values."""

    values: Values


Value = ClientOf | MethodOf | Itself | Code | Several
Values = frozenset[Value]
NONE: Values = frozenset()
_LOOPS = {"enumerate", "zip", "reversed", "sorted", "list", "tuple", "set", "iter"}


@dataclass(frozen=True, slots=True)
class Body:
    """A function, and what its parameters are bound to where it is called."""

    function: FunctionType
    bound: tuple[tuple[str, Values], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One thing that a body does: call a method of a client, or go on in another body.

    Attributes:
        file: Where it stands.
        line: The line there.
        method: The contract and the method that is called, if one is.
        body: Where it goes on, if it does.
        is_sent: Whether the method is sent after the commit.
        is_own: Whether the body is of a method of the service itself.
    """

    file: str
    line: int
    method: tuple[type, str] | None = None
    body: Body | None = None
    is_sent: bool = False
    is_own: bool = False


class Bodies:
    """
    Reads the bodies of one service class and of the functions that it calls.

    Attributes:
        methods: The functions of the class and of the classes above it, by name.
        attributes: What its methods keep under names of the instance, as ``self.asked = self.a``.
    """

    def __init__(self, service: ServiceModel, sources: Sources) -> None:
        self.service = service
        self.sources = sources
        self.methods = _functions_of(service.cls)
        self.attributes: dict[str, Values] = {}
        self._steps: dict[Body, list[Step]] = {}
        for function in self.methods.values():
            if self._keeps_something(function):
                self.steps(self.of(function))
        self._steps.clear()

    def of(self, function: FunctionType) -> Body:
        """The body of a method of the class."""
        first = next(iter(inspect.signature(function, follow_wrapped=False).parameters), None)
        is_static = isinstance(
            inspect.getattr_static(self.service.cls, function.__name__, None), staticmethod
        )
        if first is None or is_static:
            return Body(function, ())
        return Body(function, ((first, frozenset([Itself()])),))

    def steps(self, body: Body) -> list[Step]:
        """What *body* does, in the order of its text."""
        if body not in self._steps:
            self._steps[body] = []  # Of a body that calls itself nothing is new the second time.
            self._steps[body] = self._walk(body).steps
        return self._steps[body]

    def returned(self, body: Body) -> Values:
        """What *body* may return."""
        return self._walk(body).returned if body not in self._steps else NONE

    def attribute(self, name: str) -> Values:
        """What ``self.<name>`` is."""
        if name in self.service.clients:
            return frozenset([ClientOf(self.service.clients[name])])
        if name in self.attributes:
            return self.attributes[name]
        thing = inspect.getattr_static(self.service.cls, name, None)
        getter = thing.fget if isinstance(thing, property) else None
        if isinstance(thing, functools.cached_property):
            getter = thing.func
        if isinstance(getter, FunctionType):
            return self.returned(self.of(getter))
        if name in self.methods:
            return frozenset([Code(self.methods[name], is_own=True)])
        return NONE

    def above(self, function: FunctionType, name: str) -> Values:
        """What ``super().<name>`` is in *function*."""
        order = self.service.cls.__mro__
        owner = next((c for c in order if _function(vars(c).get(function.__name__)) is function), 0)
        classes = order[order.index(owner) + 1 :] if isinstance(owner, type) else ()
        found = (_function(vars(cls).get(name)) for cls in classes if not is_contract(cls))
        method = next((function for function in found if function is not None), None)
        return NONE if method is None else frozenset([Code(method, is_own=True)])

    def _walk(self, body: Body) -> _Walk:
        walk = _Walk(self, body)
        node = self.sources.function(body.function)
        if node is not None:
            walk.read(node)
        return walk

    def _keeps_something(self, function: FunctionType) -> bool:
        node = self.sources.function(function)
        return node is not None and any(
            isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store)
            for part in ast.walk(node)
        )


class _Walk(ast.NodeVisitor):
    """Goes through one body. What a name may be, it may be everywhere in the body."""

    def __init__(self, bodies: Bodies, body: Body) -> None:
        self.steps: list[Step] = []
        self.returned: Values = NONE
        self._bodies = bodies
        self._body = body
        self._function = body.function
        self._file = body.function.__code__.co_filename
        self._names: dict[str, Values] = {}

    def read(self, node: Function) -> None:
        for name, hint in getattr(self._function, "__annotations__", {}).items():
            contract = self._evaluated(hint) if isinstance(hint, str) else hint
            if is_contract(contract) and contract in self._bodies.service.clients.values():
                self._names[name] = frozenset([ClientOf(contract)])
        self._names |= dict(self._body.bound)
        for statement in node.body:
            self.visit(statement)

    # What is bound.

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind(target, node.value)
        self._visit_unless_name(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, node.value)
            self._visit_unless_name(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind(node.target, node.value)
        self._visit_unless_name(node.value)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._take(node.target, self._inside(node.iter))
        self._visit_unless_name(node.iter)
        for statement in [*node.body, *node.orelse]:
            self.visit(statement)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.visit_For(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._take(node.target, self._inside(node.iter))
        self._visit_unless_name(node.iter)
        for condition in node.ifs:
            self.visit(condition)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehend(node.generators, node.elt)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehend(node.generators, node.elt)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehend(node.generators, node.elt)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehend(node.generators, node.key, node.value)

    def _comprehend(self, generators: list[ast.comprehension], *results: ast.expr) -> None:
        # What is bound stands behind what uses it.
        for part in [*generators, *results]:
            self.visit(part)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._take(node.optional_vars, self._values(node.context_expr))
        self.visit(node.context_expr)

    def visit_FunctionDef(self, node: Function) -> None:
        # A function inside of it is taken as called.
        for statement in node.body:
            self.visit(statement)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """What a class inside of it does is not seen."""

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.returned |= self._values(node.value)
            self.visit(node.value)

    # What is done.

    def visit_Call(self, node: ast.Call) -> None:
        callees = self._values(node.func)
        for callee in callees:
            self._called(callee, node)
        if not callees:
            self.visit(node.func)
        elif isinstance(node.func, ast.Attribute):
            self.visit(node.func.value)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        is_send = isinstance(node.func, ast.Attribute) and node.func.attr == "send" and not callees
        for n, argument in enumerate(given):
            if is_send and n == 0:
                for value in self._values(argument):
                    self._used(value, argument, is_sent=True)
            else:
                self.visit(argument)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        for value in self._values(node):
            self._used(value, node)
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            for value in self._names.get(node.id, NONE):
                self._used(value, node)

    def _called(self, callee: Value, node: ast.Call) -> None:
        if isinstance(callee, Code) and not callee.is_own:
            bound = self._bound(callee.function, node)
            if bound:
                self._step(node, body=Body(callee.function, bound))
        elif isinstance(callee, Code):
            body = self._own_body(callee.function, node)
            self._step(node, body=body, is_own=True)
        else:
            self._used(callee, node)

    def _used(self, value: Value, node: ast.expr, *, is_sent: bool = False) -> None:
        """A method that is named where it is not called is taken as called there."""
        if isinstance(value, MethodOf):
            self._step(node, method=(value.contract, value.name), is_sent=is_sent)
        elif isinstance(value, Code) and value.is_own:
            self._step(node, body=self._bodies.of(value.function), is_own=True)

    def _step(self, node: ast.expr, **what: Any) -> None:
        self.steps.append(Step(file=self._file, line=_line_of(node), **what))

    def _own_body(self, function: FunctionType, node: ast.Call) -> Body:
        body = self._bodies.of(function)
        bound = dict(self._bound(function, node, has_self=bool(body.bound)))
        return Body(function, (*body.bound, *bound.items()))

    def _bound(
        self, function: FunctionType, node: ast.Call, *, has_self: bool = False
    ) -> tuple[tuple[str, Values], ...]:
        """Which parameters of *function* are given something that can call."""
        names = list(inspect.signature(function, follow_wrapped=False).parameters)
        if has_self:
            names = names[1:]
        given = dict(zip(names, node.args, strict=False))
        given |= {k.arg: k.value for k in node.keywords if k.arg is not None}
        bound = {name: self._values(value) for name, value in given.items()}
        return tuple(sorted((name, values) for name, values in bound.items() if values))

    # What an expression may be.

    def _values(self, node: ast.expr) -> Values:  # noqa: PLR0911 - a table
        match node:
            case ast.Name():
                return self._names.get(node.id) or self._global(node.id)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._result(node)
            case ast.Await() | ast.NamedExpr() | ast.Starred():
                return self._values(node.value)
            case ast.IfExp():
                return self._values(node.body) | self._values(node.orelse)
            case ast.BoolOp():
                return self._union(node.values)
            case ast.Tuple() | ast.List() | ast.Set():
                return self._several(node.elts)
            case ast.Dict():
                return self._several(node.values)
            case ast.Subscript():
                return self._inside(node.value)
        return NONE

    def _attribute(self, node: ast.Attribute) -> Values:
        if _is_super(node.value):
            return self._bodies.above(self._function, node.attr)
        found: set[Value] = set()
        for value in self._values(node.value):
            if isinstance(value, Itself):
                found |= self._bodies.attribute(node.attr)
            elif isinstance(value, ClientOf) and _is_method(value.contract, node.attr):
                found.add(MethodOf(value.contract, node.attr))
            elif isinstance(value, Several) and node.attr in ("values", "items"):
                found.add(value)
        return frozenset(found) or self._imported(node)

    def _result(self, node: ast.Call) -> Values:
        named = self._evaluated(ast.unparse(node.func)) if _is_plain(node.func) else None
        if named is using and node.args:
            return self._values(node.args[0])
        if named is getattr and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            attribute = ast.Attribute(node.args[0], str(node.args[1].value), ast.Load())
            return self._attribute(ast.copy_location(attribute, node))
        if getattr(named, "__name__", "") == "cast" and len(node.args) > 1:
            return self._values(node.args[1])
        found: set[Value] = set()
        for callee in self._values(node.func):
            if isinstance(callee, Code) and callee.is_own:
                found |= self._bodies.returned(self._own_body(callee.function, node))
            elif isinstance(callee, Code):
                found |= self._bodies.returned(
                    Body(callee.function, self._bound(callee.function, node))
                )
            elif isinstance(callee, Several):
                found.add(callee)
        return frozenset(found)

    def _inside(self, node: ast.expr) -> Values:
        """What the elements of *node* may be."""
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _LOOPS
        ):
            return frozenset(value for part in node.args for value in self._inside(part))
        found: set[Value] = set()
        for value in self._values(node):
            if isinstance(value, Several):
                found |= value.values
        return frozenset(found)

    def _several(self, nodes: Iterable[ast.expr | None]) -> Values:
        values = self._union([node for node in nodes if node is not None])
        return frozenset([Several(values)]) if values else NONE

    def _union(self, nodes: Iterable[ast.expr]) -> Values:
        return frozenset(value for node in nodes for value in self._values(node))

    def _global(self, name: str) -> Values:
        thing = _function(self._evaluated(name))
        is_ours = thing is not None and self._bodies.sources.function(thing) is not None
        return frozenset([Code(thing, is_own=False)]) if thing and is_ours else NONE

    def _imported(self, node: ast.Attribute) -> Values:
        """A function that is named by its module."""
        return self._global(ast.unparse(node)) if _is_plain(node) else NONE

    def _evaluated(self, text: str) -> Any:
        """What a dotted name is in the module of the function."""
        first, *rest = text.split(".")
        if first in self._names:
            return None
        thing = self._function.__globals__.get(first, getattr(builtins, first, None))
        for name in rest:
            thing = inspect.getattr_static(thing, name, None)
        return thing

    # What a name becomes.

    def _bind(self, target: ast.expr, node: ast.expr) -> None:
        is_pair = isinstance(target, ast.Tuple) and isinstance(node, ast.Tuple)
        if is_pair and len(target.elts) == len(node.elts):  # type: ignore[attr-defined]
            for part, value in zip(target.elts, node.elts, strict=True):  # type: ignore[attr-defined]
                self._bind(part, value)
        elif isinstance(target, ast.Tuple):
            self._take(target, self._inside(node))
        else:
            self._take(target, self._values(node))

    def _take(self, target: ast.expr, values: Values) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = self._names.get(target.id, NONE) | values
        elif isinstance(target, ast.Tuple | ast.List):
            inner = frozenset(v for s in values if isinstance(s, Several) for v in s.values)
            for part in target.elts:
                self._take(part, values | inner)
        elif (
            isinstance(target, ast.Attribute) and Itself() in self._values(target.value) and values
        ):
            kept = self._bodies.attributes
            kept[target.attr] = kept.get(target.attr, NONE) | values

    def _visit_unless_name(self, node: ast.expr) -> None:
        """A method that gets another name is not called yet."""
        if not isinstance(node, ast.Name | ast.Attribute):
            self.visit(node)


def _functions_of(cls: type) -> dict[str, FunctionType]:
    """The functions of *cls* and the classes above it; what contracts declare is none."""
    declaring = {*contracts_of(cls), object}
    found: dict[str, FunctionType] = {}
    for base in cls.__mro__:
        for name, member in vars(base).items():
            function = _function(member)
            if base not in declaring and function is not None:
                found.setdefault(name, function)
    return found


def _function(member: object) -> FunctionType | None:
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    unwrapped = inspect.unwrap(member) if callable(member) else None
    return unwrapped if isinstance(unwrapped, FunctionType) else None


def _is_method(contract: type, name: str) -> bool:
    return hasattr(getattr(contract, name, None), "__outgrow_declaration__")


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super"


def _is_plain(node: ast.expr) -> bool:
    """Whether it is a name, or names with dots."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _line_of(node: ast.expr) -> int:
    """The line of a call is that of the name that is called, at the end of a long chain."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.end_lineno or node.lineno
    return node.end_lineno or node.lineno if isinstance(node, ast.Attribute) else node.lineno
