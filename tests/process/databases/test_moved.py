"""What backups make of a store that was moved, while the old place is still configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StoreMoved
from outgrow.journal import SCHEMA
from outgrow.process.backups import Backup, Stores
from outgrow.process.moving import Moves
from outgrow.process.places import Places
from outgrow.store import open_store
from outgrow.testing import PostgresServer
from outgrow.topology import variable

SERVICE = """
from outgrow import Contract, Store, query, service
class Orders(Contract):
    @query("GET /orders")
    async def list(self) -> list[int]: ...
@service
class OrdersService(Orders):
    store: Store
    async def list(self) -> list[int]:
        return []
"""


class Shop:
    """An application of one service, which does not run."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch
        self.file = folder / "outgrow.toml"
        self.file.write_text('[app]\nname = "shop"\nservices = ["moved_orders"]\n')
        (folder / "moved_orders.py").write_text(SERVICE.replace("Orders", "MovedOrders"))
        self.moving = folder / ".outgrow" / "store" / "moved_orders.move.json"

    async def begin(self) -> None:
        path = self.moving.with_name("moved_orders.sqlite3")
        path.parent.mkdir(parents=True)
        store = await open_store(
            path,
            application="shop",
            service="moved_orders",
            clock=SystemClock(),
            schemas=[SCHEMA],
        )
        await store.close()

    async def move(self, to: str) -> None:
        await Moves.read(self.file, None, "").move("moved_orders", to, lambda *_: None)

    def configure(self, place: str) -> None:
        self._patch.setenv(variable("moved_orders"), place)

    def backups(self, name: str) -> list[Path]:
        return list(self._folder.glob(f"{name}*"))

    async def back_up(self, name: str) -> Backup:
        stores = Stores(Places.read(self.file, None, ""))
        return await stores.back_up("moved_orders", self._folder / name, lambda *_: None)


async def test_the_place_where_it_is_now_is_backed_up_and_never_one_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outgrow_postgres: PostgresServer
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    shop, url = Shop(tmp_path, monkeypatch), await outgrow_postgres.database()
    await shop.begin()
    assert (await shop.back_up("before")).kind == "sqlite"
    await shop.move(url)

    assert (await shop.back_up("there")).kind == "pg_dump"
    shop.moving.rename(tmp_path / "lost")
    with pytest.raises(StoreMoved, match="was moved to postgresql://"):
        await shop.back_up("left")
    assert not shop.backups("left")

    (tmp_path / "lost").rename(shop.moving)
    shop.configure(url)
    await shop.move("sqlite")
    assert (await shop.back_up("back")).kind == "sqlite"
    shop.moving.unlink()
    with pytest.raises(StoreMoved, match="was moved to .*moved_orders.sqlite3"):
        await shop.back_up("left")
    assert not shop.backups("left")
