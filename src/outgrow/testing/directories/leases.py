"""What a directory does when processes die, and when the directory itself is away."""

from __future__ import annotations

from outgrow.testing.directories.processes import Processes, endpoint, instances


class Leases:
    """What a directory with leases does when processes die, and when it is away itself."""

    async def test_who_renews_is_found_for_longer_than_a_lease(self, processes: Processes) -> None:
        await processes.keep(endpoint("orders", "a"))
        reader = await processes.directory()
        watcher = processes.watch(reader, "orders")

        await processes.wait_leases(2.5)

        assert instances(await reader.resolve("orders")) == ["a"]
        assert watcher.instances == [["a"]]

    async def test_who_dies_is_forgotten_after_its_lease(self, processes: Processes) -> None:
        kill = await processes.keep(endpoint("orders", "a"), endpoint("letters", "a"))
        await processes.keep(endpoint("orders", "b"))
        reader = await processes.directory()
        orders, letters = processes.watch(reader, "orders"), processes.watch(reader, "letters")
        await orders.until_instances("a", "b")
        await letters.until_instances("a")

        kill()

        await orders.until_instances("b")
        await letters.until_instances()
        assert instances(await (await processes.directory()).resolve("orders")) == ["b"]

    async def test_who_was_silent_for_too_long_is_found_again_when_it_renews(
        self, processes: Processes
    ) -> None:
        silent = await processes.offer(endpoint("orders", "a"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a")
        await watcher.until_instances()

        await silent.renew()

        await watcher.until_instances("a")

    async def test_the_last_good_answer_is_taken_while_it_is_away(
        self, processes: Processes
    ) -> None:
        await processes.offer(endpoint("orders", "a"))
        reader = await processes.directory()
        watcher = processes.watch(reader, "orders")
        await watcher.until_instances("a")

        await processes.place.go_away()

        await watcher.until(lambda now: now.is_stale)
        found = await reader.resolve("orders")
        assert found.is_stale
        assert instances(found) == ["a"]
        assert watcher.instances == [["a"]]

    async def test_who_asks_first_while_it_is_away_is_told_so(self, processes: Processes) -> None:
        reader = await processes.directory(known=[endpoint("letters", "seated")])
        await processes.place.go_away()

        found = await reader.resolve("orders")
        known = await reader.resolve("letters")

        assert (found.is_stale, instances(found)) == (True, [])
        assert (known.is_stale, instances(known)) == (True, ["seated"])

    async def test_who_registers_while_it_is_away_is_found_when_it_is_back(
        self, processes: Processes
    ) -> None:
        reader, directory = await processes.directory(), await processes.directory()
        watcher = processes.watch(reader, "orders")
        await watcher.until_instances()
        await processes.place.go_away()

        await directory.register([endpoint("orders", "a")])
        await processes.place.come_back()

        await watcher.until_instances("a")

    async def test_who_leaves_while_it_is_away_is_gone_when_it_is_back(
        self, processes: Processes
    ) -> None:
        leaving = await processes.offer(endpoint("orders", "a"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a")
        await processes.place.go_away()

        await leaving.leave()
        await processes.place.come_back()

        await watcher.until_instances()

    async def test_nothing_runs_out_while_it_is_away(self, processes: Processes) -> None:
        await processes.keep(endpoint("orders", "a"))
        await processes.keep(endpoint("orders", "b"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a", "b")
        before = len(watcher.told)

        await processes.place.go_away()
        await processes.wait_leases(1.5)
        await processes.place.come_back()
        await watcher.until_instances("a", "b")
        await processes.wait_leases(1.2)

        assert {tuple(instances(told)) for told in watcher.told[before - 1 :]} == {("a", "b")}

    async def test_what_was_lost_is_registered_again_and_missed_by_nobody(
        self, processes: Processes
    ) -> None:
        await processes.keep(endpoint("orders", "a"), endpoint("letters", "a"))
        await processes.keep(endpoint("orders", "b"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a", "b")
        before = len(watcher.told)

        await processes.place.go_away()
        await watcher.until(lambda now: now.is_stale)
        await processes.place.come_back_empty()
        await watcher.until_instances("a", "b")
        await processes.wait_leases(1.2)

        assert {tuple(instances(told)) for told in watcher.told[before - 1 :]} == {("a", "b")}
        late = processes.watch(await processes.directory(), "orders")
        await late.until_instances("a", "b")

    async def test_who_died_while_it_was_away_is_forgotten_a_lease_after_it_is_back(
        self, processes: Processes
    ) -> None:
        kill = await processes.keep(endpoint("orders", "a"))
        await processes.keep(endpoint("orders", "b"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a", "b")
        await processes.place.go_away()
        await watcher.until(lambda now: now.is_stale)

        kill()
        await processes.place.come_back_empty()

        await watcher.until_instances("b")
