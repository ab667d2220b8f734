"""How a move ends: it is confirmed, or given up."""

from __future__ import annotations

from outgrow import crash
from outgrow.errors import MoveRefused
from outgrow.store.moving.end import End
from outgrow.store.moving.marks import ARRIVING, MOVED_FROM, MOVED_TO, read_mark
from outgrow.store.moving.state import Moving, StateFile


async def confirm(state: StateFile, moving: Moving, old: End, new: End) -> None:
    """
    Remove the old store; the rows are in the new one alone from then on.

    Raises:
        MoveRefused: The move is not finished, or one of the stores knows nothing of it.
    """
    if moving.step != "finished":
        message = (
            f"the move of {moving.service!r} is not finished. Finish it: outgrow store move "
            f"{moving.service} --to {moving.setting}."
        )
        raise MoveRefused(str(state.path), message)
    arrived = read_mark(await new.meta() or {}, MOVED_FROM)
    if arrived is None or arrived.move != moving.move:
        message = "it does not say that this move has filled it, so the old store is kept."
        raise MoveRefused(new.place, message)
    old_meta = await old.meta()
    if old_meta is not None:
        moved = read_mark(old_meta, MOVED_TO)
        if moved is None or moved.move != moving.move:
            message = "it does not say that this move has left it, so it is kept."
            raise MoveRefused(old.place, message)
        await old.destroy()
        crash.at("move.old_removed")
    state.remove()


async def abandon(state: StateFile, moving: Moving, old: End, new: End) -> None:
    """
    Give up a move that is not finished: the store stays where it was, and the copy is removed.

    Raises:
        MoveRefused: It is finished; the way back is another move.
    """
    new_meta = await new.meta()
    arriving = read_mark(new_meta or {}, ARRIVING)
    is_ours = arriving is not None and arriving.move == moving.move
    if moving.step in ("switched", "finished") or (
        read_mark(new_meta or {}, MOVED_FROM) is not None and not is_ours
    ):
        message = (
            f"{moving.service!r} was moved to {moving.target} already. The way back is another "
            f"move: outgrow store move {moving.service} --to {moving.old_setting}."
        )
        raise MoveRefused(str(state.path), message)
    if is_ours or (new_meta is not None and moving.is_target_ours):
        await new.destroy()
        crash.at("move.copy_removed")
    moved = read_mark(await old.meta() or {}, MOVED_TO)
    if moved is not None and moved.move == moving.move:
        # Nobody could write there since, so nothing is missing.
        await old.allow_writes()
        await old.note({MOVED_TO: None})
    state.remove()
