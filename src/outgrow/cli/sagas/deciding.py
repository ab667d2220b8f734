"""``outgrow saga retry``, ``skip``, ``undo`` and ``resolve``: an operator decides about a saga."""

from __future__ import annotations

from typing import Annotated

import typer

from outgrow.cli.desks import FILE, Desk, File, Json, State, state_of, who_asks
from outgrow.cli.printing import print_json, print_to_stderr
from outgrow.cli.sagas.group import Id, Reason, at_desk, print_decided, saga
from outgrow.process.control import SagaOperator


@saga.command()
def retry(
    name: Annotated[
        str, typer.Argument(help="The saga's id; with --all a service, or service.method.")
    ],
    *,
    all_: Annotated[bool, typer.Option("--all", help="All stuck ones of it.")] = False,
    reason: Reason = "",
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Let a saga go on now, as if nothing had failed; one that is undone goes on with that."""
    operator = SagaOperator(state_of(file, state))
    if not all_:
        told = operator.about("saga_retry", name, who=who_asks(), reason=reason)
        print_decided(told, "tried again", is_json=json)
        return
    told = operator.retry_stuck(name, who_asks(), reason)
    if json:
        print_json({"name": name, **told})
    else:
        sagas = "1 stuck saga" if told["sagas"] == 1 else f"{told['sagas']} stuck sagas"
        print(f"{name}: {sagas} tried again in process {told['process']}")


@saga.command()
@at_desk
def skip(
    saga_id: Id,
    step: Annotated[int, typer.Argument(help="The number of the step that it is at.")],
    *,
    reason: Reason,
    reply: Annotated[str | None, typer.Option(help="What the step answered, as JSON.")] = None,
    was_done: Annotated[
        bool | None,
        typer.Option(
            "--done/--not-done",
            help="Whether it was done; said of a step that has an undo, or is the pivot.",
        ),
    ] = None,
    desk: Desk[SagaOperator],
) -> None:
    """Pass over the step that a saga is at: what it answered is said; an undo counts as done."""
    _ask(desk, saga_id, f"Pass over step {step}?")
    what = {"step": step, "reply": reply, "was_done": was_done}
    told = desk.operator.about("saga_skip", saga_id, who=who_asks(), reason=reason, **what)
    print_decided(told, f"step {step} passed over", is_json=desk.is_json)


@saga.command()
@at_desk
def undo(saga_id: Id, *, reason: Reason, desk: Desk[SagaOperator]) -> None:
    """Begin to undo what a saga has done; not behind its pivot."""
    _ask(desk, saga_id, "Undo what it has done?")
    told = desk.operator.about("saga_undo", saga_id, who=who_asks(), reason=reason)
    print_decided(told, "its undoing is begun", is_json=desk.is_json)


@saga.command()
@at_desk
def resolve(
    saga_id: Id,
    *,
    reason: Reason,
    reply: Annotated[
        str | None, typer.Option(help="What its callers get, as JSON; else SagaAborted.")
    ] = None,
    desk: Desk[SagaOperator],
) -> None:
    """End a saga as it is: what it has done stays, and what it has not done is not done."""
    _ask(desk, saga_id, "End it as it is? Nothing more is done or undone.")
    what = {"reply": reply, "who": who_asks(), "reason": reason}
    told = desk.operator.about("saga_resolve", saga_id, **what)
    print_decided(told, "resolved", is_json=desk.is_json)


def _ask(desk: Desk[SagaOperator], saga_id: str, question: str) -> None:
    """Say how the saga stands, and ask, unless the operator is sure."""
    if desk.is_sure:
        return
    told = desk.operator.about("saga", saga_id)
    lines = [f"{told['saga']}, {told['state']}, {told['attempts']} failed attempts"]
    lines += [f"  {s['number']} {s['name'] or s['kind']}: {s['state']}" for s in told["steps"]]
    lines += [f"  {told['error']}"] if told["error"] else []
    print_to_stderr("\n".join(lines))
    typer.confirm(question, abort=True, err=True)
