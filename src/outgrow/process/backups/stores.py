"""The stores of one application, as backups see them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from outgrow.clock import Clock, SystemClock
from outgrow.errors import StoreRefused
from outgrow.process.backups.making import back_up
from outgrow.process.backups.note import Backup
from outgrow.process.backups.restoring import Restored, restore
from outgrow.topology import SQLITE, Plan, read_topology, shown


class Stores(NamedTuple):
    """
    Where the stores of an application are.

    Attributes:
        plan: What its topology file says.
        state: Where it keeps its state.
        clock: What is asked for the time.
    """

    plan: Plan
    state: Path
    clock: Clock = SystemClock()

    @classmethod
    def read(cls, file: Path, state: Path | None) -> Self:
        """
        Those of the application that *file* describes.

        Raises:
            InvalidTopology: The file is wrong.
        """
        plan = read_topology(file)
        return cls(plan, state or plan.folder / ".outgrow")

    def back_up(self, service: str, to: Path, tell: Callable[[int, int], None]) -> Backup:
        """
        Copy the store of *service* to the file *to*.

        Raises:
            StoreRefused: Says why.
        """
        return back_up(
            self._file_of(service),
            to,
            application=self.plan.application,
            service=service,
            clock=self.clock,
            tell=tell,
        )

    def restore(self, service: str, file: Path) -> Restored:
        """
        Put the backup *file* in the place of the store of *service*.

        Raises:
            StoreRefused: Says why; nothing was changed.
        """
        path = self._file_of(service)
        others = [other for other in self.plan.services if other != service]
        return restore(
            path,
            file,
            application=self.plan.application,
            service=service,
            clock=self.clock,
            migrations=self._migrations_of(service),
            others={other: self._path_of(other) for other in others},
        )

    def _path_of(self, service: str) -> Path:
        return self.state / "store" / f"{service}.sqlite3"

    def _file_of(self, service: str) -> Path:
        place = self.plan.stores.get(service, SQLITE)
        if service not in self.plan.services:
            known = ", ".join(self.plan.services)
            message = f"the application has no service {service!r}. It has: {known}."
            raise StoreRefused(str(self.plan.file), message)
        if place != SQLITE:
            message = f"its store is {shown(place)}, and no file. Use pg_dump and pg_restore."
            raise StoreRefused(service, message)
        return self._path_of(service)

    def _migrations_of(self, service: str) -> Path | None:
        """The folder of its migrations, found without running its code."""
        folder = str(self.plan.folder.absolute())
        if folder not in sys.path:
            sys.path.insert(0, folder)
        package = self.plan.services[service]
        spec = importlib.util.find_spec(package)
        if spec is None:
            message = f"there is no module {package!r}, so its migrations cannot be compared."
            raise StoreRefused(str(self.plan.folder), message)
        if spec.submodule_search_locations:
            found = Path(next(iter(spec.submodule_search_locations)), "migrations")
        else:
            assert spec.origin is not None
            file = Path(spec.origin)
            found = file.with_name(f"{file.stem}_migrations")
        return found if found.is_dir() else None
