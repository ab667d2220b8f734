"""The text of a saga's method is read: which steps it takes, in which order."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from outgrow.contracts import is_contract, read_contract, resolve_hints, service_name
from outgrow.errors import DefinitionError
from outgrow.sagas.code import Code
from outgrow.sagas.operating.flow import (
    ALL,
    BEGIN,
    CHOICE,
    COMPLETED,
    LOOP,
    SLEEP,
    STEP,
    UNDONE,
    UNTIL,
    Asked,
    Flow,
    Place,
    Text,
)

LABEL_CHARACTERS_MAX = 60
DEPTH_MAX = 10
"""How deep methods are followed that are handed the run."""

_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)

Ends = list[tuple[Place, str]]
"""Where the flow comes from, and what is said of the way."""


def read_flow(service: type, code: Code) -> Flow:
    """
    The flow of a saga of the class *service*.

    Steps are found where they are made, also in methods of the class that are handed the run. What
    a method decides at run time, such as a list of steps, is drawn as it stands in the text.
    """
    name = f"{service_name(service.__module__)}.{code.method}"
    flow = Flow(name, inspect.getfile(code.fn))
    reader = _Reader(service, flow)
    begin = reader.place(BEGIN, name, code.fn.__code__.co_firstlineno, [])
    end = reader.function(code.fn, 1, [(begin, "")])
    reader.complete(end, code.fn.__code__.co_firstlineno)
    return flow


class _Names(NamedTuple):
    """What the parameters of a function are called."""

    itself: str
    run: str
    first_line: int


class _Loop:
    def __init__(self, top: Place) -> None:
        self.top = top
        self.breaks: Ends = []


class _Reader:
    """Walks the statements of a saga; lives as long as that takes."""

    def __init__(self, service: type, flow: Flow) -> None:
        self._service = service
        self._flow = flow
        self._name = service_name(service.__module__)
        hints = resolve_hints(service)
        self._clients = {name: hint for name, hint in hints.items() if is_contract(hint)}
        self._loops: list[_Loop] = []
        self._returned: list[Ends] = []
        self._names = _Names("self", "run", 1)
        self._made: dict[str, Place] = {}

    def place(self, kind: str, label: str, line: int, ends: Ends, **more: Any) -> Place:
        """A new place, to which the flow comes from *ends*."""
        text = " ".join(label.split())
        if len(text) > LABEL_CHARACTERS_MAX:
            text = f"{text[: LABEL_CHARACTERS_MAX - 1]}…"
        number = len(self._flow.places)
        made = Place(number=number, kind=kind, label=text, line=line, **more)
        self._flow.places.append(made)
        self._flow.ways += [(origin, made, said) for origin, said in ends]
        return made

    def complete(self, ends: Ends, line: int) -> None:
        """The saga is completed from *ends*."""
        if ends:
            self.place(COMPLETED, COMPLETED, line, ends)

    def function(self, fn: Any, run_at: int, ends: Ends) -> Ends:
        """The body of *fn*, whose parameter at *run_at* is the run; where it ends."""
        lines, first = inspect.getsourcelines(fn)
        (node,) = ast.parse(textwrap.dedent("".join(lines))).body
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        arguments = [*node.args.posonlyargs, *node.args.args]
        before = self._names, self._loops
        self._names = _Names(arguments[0].arg, arguments[run_at].arg, first)
        self._flow.texts.append(Text(node=node, run=self._names.run, first_line=first))
        self._loops = []
        self._returned.append([])
        ends = self._block(node.body, ends)
        self._names, self._loops = before
        return ends + self._returned.pop()

    # Statements.

    def _block(self, nodes: Iterable[ast.stmt], ends: Ends) -> Ends:
        for node in nodes:
            if not ends:
                break
            ends = self._statement(node, ends)
        return ends

    def _statement(self, node: ast.stmt, ends: Ends) -> Ends:
        match node:
            case ast.If():
                return self._if(node, self._asked(node.test, ends))
            case ast.While() | ast.For() | ast.AsyncFor():
                return self._loop(node, ends)
            case ast.Try():
                return self._try(node, ends)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    ends = self._asked(item.context_expr, ends)
                return self._block(node.body, ends)
            case ast.Match():
                return self._match(node, self._asked(node.subject, ends))
        ends = self._asked(node, ends)
        return [] if self._leaves(node, ends) else ends

    def _leaves(self, node: ast.stmt, ends: Ends) -> bool:
        """Whether the flow does not go on behind *node*; where it goes then is noted."""
        match node:
            case ast.Return():
                self._returned[-1] += ends
            case ast.Raise():
                raised = "again" if node.exc is None else ast.unparse(node.exc)
                self.place(UNDONE, f"undone: {raised}", self._line(node), ends)
            case ast.Break() if self._loops:
                self._loops[-1].breaks += ends
            case ast.Continue() if self._loops:
                self._flow.ways += [(place, self._loops[-1].top, said) for place, said in ends]
            case _:
                return False
        return True

    def _if(self, node: ast.If, ends: Ends) -> Ends:
        if not self._matters([*node.body, *node.orelse]):
            return ends
        choice = self.place(CHOICE, ast.unparse(node.test), self._line(node), ends)
        yes = self._block(node.body, [(choice, "yes")])
        return yes + self._block(node.orelse, [(choice, "no")])

    def _match(self, node: ast.Match, ends: Ends) -> Ends:
        if not self._matters(statement for case in node.cases for statement in case.body):
            return ends
        choice = self.place(CHOICE, ast.unparse(node.subject), self._line(node), ends)
        found: Ends = []
        is_all = False
        for case in node.cases:
            found += self._block(case.body, [(choice, ast.unparse(case.pattern))])
            is_all = is_all or (
                case.guard is None
                and isinstance(case.pattern, ast.MatchAs)
                and case.pattern.pattern is None
            )
        return found if is_all else [*found, (choice, "none of these")]

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, ends: Ends) -> Ends:
        if isinstance(node, ast.While):
            label = f"while {ast.unparse(node.test)}"
        else:
            label = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
            ends = self._asked(node.iter, ends)
        if not self._matters([*node.body, *node.orelse]):
            return ends
        loop = _Loop(self.place(LOOP, label, self._line(node), ends))
        self._loops.append(loop)
        for place, said in self._block(node.body, [(loop.top, "")]):
            self._flow.ways.append((place, loop.top, said))
        self._loops.pop()
        is_endless = isinstance(node, ast.While) and ast.unparse(node.test) in ("True", "1")
        done: Ends = [] if is_endless else [(loop.top, "done")]
        return self._block(node.orelse, done) + loop.breaks

    def _try(self, node: ast.Try, ends: Ends) -> Ends:
        first = len(self._flow.places)
        done = self._block(node.body, ends)
        tried = [p for p in self._flow.places[first:] if p.kind in (STEP, ALL, UNTIL)]
        done = self._block(node.orelse, done)
        for handler in node.handlers:
            caught = "any error" if handler.type is None else ast.unparse(handler.type)
            from_ = [(place, caught) for place in tried] or ends
            done = done + self._block(handler.body, from_)
        return self._block(node.finalbody, done)

    def _matters(self, nodes: Iterable[ast.AST]) -> bool:
        """Whether something that is drawn happens in *nodes*."""
        ends = (ast.Return, ast.Raise, ast.Break, ast.Continue)
        return any(
            isinstance(node, ends) or (isinstance(node, ast.Call) and self._is_asked(node))
            for tree in nodes
            for node in _walk(tree)
        )

    # Expressions.

    def _asked(self, node: ast.AST | None, ends: Ends) -> Ends:
        """What is asked for in an expression or a simple statement, in the order of the text."""
        if node is None or isinstance(node, _NESTED):
            return ends
        if isinstance(node, ast.Assign) and self._keeps_step(node):
            step = self._step(node.value, ends)  # type: ignore[arg-type]
            self._made[node.targets[0].id] = step  # type: ignore[attr-defined]
            return [(step, "")]
        if isinstance(node, ast.Call):
            self._say_later(node)
            if self._is_asked(node):
                return self._ask(node, ends)
            handed = self._handed(node)
            if handed is not None and len(self._returned) < DEPTH_MAX:
                return self.function(*handed, ends)
        for child in ast.iter_child_nodes(node):
            ends = self._asked(child, ends)
        return ends

    def _is_asked(self, node: ast.Call) -> bool:
        return self._word(node) is not None or self._handed(node) is not None

    def _word(self, node: ast.Call) -> str | None:
        """``step``, ``all``, ``sleep`` or ``until``, if the run is asked for that."""
        call, _ = _chain(node)
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in (
            STEP,
            ALL,
            SLEEP,
            UNTIL,
        ):
            return None
        owner = function.value
        is_run = isinstance(owner, ast.Name) and owner.id == self._names.run
        return function.attr if is_run else None

    def _ask(self, node: ast.Call, ends: Ends) -> Ends:
        word = self._word(node)
        if word is None:
            handed = self._handed(node)
            assert handed is not None, "it is one of both"
            return self.function(*handed, ends) if len(self._returned) < DEPTH_MAX else ends
        if word == STEP:
            return [(self._step(node, ends), "")]
        if word == ALL:
            return self._all(node, ends)
        told = ", ".join(ast.unparse(argument) for argument in [*node.args, *node.keywords])
        return [(self.place(word, f"{word} {told}", self._line(node), ends), "")]

    def _step(self, node: ast.Call, ends: Ends, group: Place | None = None) -> Place:
        call, chained = _chain(node)
        undo = next((one for one in chained if _attribute(one) == "undo"), None)
        do = self._named(call)
        is_pivot = any(_attribute(one) == "pivot" for one in chained)
        return self.place(
            STEP,
            do.name,
            self._line(call),
            ends,
            do=do,
            undo=None if undo is None else self._named(undo),
            is_pivot=is_pivot,
            group=group,
        )

    def _keeps_step(self, node: ast.Assign) -> bool:
        """Whether it is ``name = run.step(...)``."""
        return (
            len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Call)
            and self._word(node.value) == STEP
        )

    def _say_later(self, node: ast.Call) -> None:
        """Note what undoes a step that was made before: ``name.undo(...)``."""
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr="undo") if name in self._made:
                self._made[name].undo = self._named(node)
            case ast.Attribute(value=ast.Name(id=name), attr="pivot") if name in self._made:
                self._made[name].is_pivot = True

    def _all(self, node: ast.Call, ends: Ends) -> Ends:
        fork = self.place(ALL, "all", self._line(node), ends)
        made: Ends = []
        for argument in node.args:
            for call in _calls(argument):
                if self._word(call) == STEP:
                    is_each = call is not argument
                    made.append((self._step(call, [(fork, "each" if is_each else "")], fork), ""))
        return made or [(fork, "")]

    def _named(self, call: ast.Call) -> Asked:
        """The method that a step or an undo is given."""
        if not call.args:
            return Asked(name="?")
        node = call.args[0]
        text = ast.unparse(node)
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == self._names.itself:
                return Asked(name=f"{self._name}.{name}", service=self._name)
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id=owner), attr=client), attr=name
            ) if owner == self._names.itself and client in self._clients:
                contract = self._clients[client]
                service = service_name(contract.__module__)
                try:
                    method = read_contract(contract).methods.get(name)
                except DefinitionError:
                    method = None
                return Asked(name=f"{service}.{name}", service=service, method=method)
        return Asked(name=text)

    def _handed(self, node: ast.Call) -> tuple[Any, int] | None:
        """A method of the class that is handed the run, and the place of that parameter."""
        function = node.func
        if not (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == self._names.itself
        ):
            return None
        found = inspect.getattr_static(self._service, function.attr, None)
        if not inspect.iscoroutinefunction(found) or hasattr(found, "__wrapped__"):
            return None
        for number, argument in enumerate(node.args):
            if isinstance(argument, ast.Name) and argument.id == self._names.run:
                return found, number + 1
        return None

    def _line(self, node: ast.stmt | ast.expr) -> int:
        return self._names.first_line + node.lineno - 1


def _chain(node: ast.Call) -> tuple[ast.Call, list[ast.Call]]:
    """The innermost call of ``a(...).undo(...).pivot()``, and those behind it."""
    chained: list[ast.Call] = []
    while (
        _attribute(node) in ("undo", "pivot")
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
    ):
        chained.append(node)
        node = node.func.value
    return node, chained


def _attribute(node: ast.Call) -> str | None:
    return node.func.attr if isinstance(node.func, ast.Attribute) else None


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The outermost calls in *node*."""
    if isinstance(node, ast.Call):
        yield node
    elif not isinstance(node, _NESTED):
        for child in ast.iter_child_nodes(node):
            yield from _calls(child)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """*node* and what is in it, but not in functions inside of it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _NESTED):
            yield from _walk(child)
