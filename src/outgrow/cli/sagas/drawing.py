"""``outgrow saga graph``: a saga as a drawing."""

from __future__ import annotations

from typing import Annotated

import typer

from outgrow.cli.desks import FILE, File, Json, State, state_of
from outgrow.cli.printing import print_json
from outgrow.cli.sagas.group import saga
from outgrow.process.control import SagaOperator
from outgrow.topology import read_topology


@saga.command()
def graph(
    name: Annotated[
        str, typer.Argument(help="A saga, as service.method; or the id of one, as 'list' names it.")
    ],
    *,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Draw a saga in the language of Mermaid: as its code is, or what one of them has done."""
    if "." in name:
        from outgrow.process.showing import saga_drawing  # noqa: PLC0415 - others start sooner

        mermaid = saga_drawing(read_topology(file), name)
    else:
        mermaid = SagaOperator(state_of(file, state)).about("saga_graph", name)["mermaid"]
    if json:
        print_json({"name": name, "mermaid": mermaid})
    else:
        print(mermaid)
