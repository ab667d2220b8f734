"""How a move ends: it is confirmed, or given up."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from outgrow import crash
from outgrow.errors import MoveRefused, StoreError
from outgrow.store.moving.end import FRAMEWORK, End
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


async def abandon(
    state: StateFile, moving: Moving, old: End, new: End, *, is_target_needed: bool = False
) -> None:
    """
    Give up a move that is not finished: the store stays where it was, and the copy is removed.

    A move that has copied nothing yet is given up even if its target cannot be reached any more,
    or is somebody else's.

    Args:
        is_target_needed: Whether it is not given up then either.

    Raises:
        MoveRefused: It is finished; the way back is another move.
    """
    try:
        new_meta = await new.meta() or {}
    except StoreError:
        if moving.step != "preparing" or (is_target_needed and moving.is_target_ours):
            raise
        new_meta = {}
    arriving, arrived = read_mark(new_meta, ARRIVING), read_mark(new_meta, MOVED_FROM)
    is_ours = arriving is not None and arriving.move == moving.move
    has_arrived = arrived is not None and arrived.move == moving.move and not is_ours
    if has_arrived or moving.step in ("switched", "finished"):
        message = (
            f"{moving.service!r} was moved to {moving.target} already. The way back is another "
            f"move: outgrow store move {moving.service} --to {moving.old_setting}."
        )
        raise MoveRefused(str(state.path), message)
    if is_ours or (moving.is_target_ours and await _is_only_made(moving, new_meta, new)):
        await new.destroy()
        crash.at("move.copy_removed")
    moved = read_mark(await old.meta() or {}, MOVED_TO)
    if moved is not None and moved.move == moving.move:
        # Nobody could write there since, so nothing is missing.
        await old.allow_writes()
        await old.note({MOVED_TO: None})
    state.remove()


async def take_back(
    state: StateFile, before: Moving | None, moving: Moving, old: End, new: End
) -> None:
    """
    What was just begun was refused before a row was copied: all is as it was *before*.

    If the target cannot be reached any more, the file goes on knowing what was made there.
    """
    has_begun_before = before is not None and before.step != "finished"
    if moving.step != "preparing" or has_begun_before:
        return
    with suppress(StoreError):
        await abandon(state, moving, old, new, is_target_needed=True)
        if before is not None:
            state.write(before)


async def _is_only_made(moving: Moving, meta: Mapping[str, str], new: End) -> bool:
    """Whether *new* is the service's store, and nobody has used it since it was made."""
    if (meta.get("application"), meta.get("service")) != (moving.application, moving.service):
        return False
    if any(read_mark(meta, name) for name in (ARRIVING, MOVED_FROM, MOVED_TO)):
        return False
    own = [table for table in await new.tables() if table.name.startswith(FRAMEWORK)]
    return not any([await new.count(table) for table in own])
