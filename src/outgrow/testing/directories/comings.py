"""What is found and told when processes come, change and leave."""

from __future__ import annotations

from outgrow.testing.directories.processes import MANY, Processes, endpoint, instances


class Comings:
    """What a directory in which processes register themselves does while nothing fails."""

    async def test_two_processes_answer_for_one_service(self, processes: Processes) -> None:
        directory = await processes.directory()
        watcher = processes.watch(directory, "orders")
        await processes.offer(endpoint("orders", "a"))
        await watcher.until_instances("a")

        await processes.offer(endpoint("orders", "b"))

        await watcher.until_instances("a", "b")
        assert instances(await directory.resolve("orders")) == ["a", "b"]

    async def test_registering_again_is_instead_of_what_was_registered(
        self, processes: Processes
    ) -> None:
        directory = await processes.offer(endpoint("orders", "a"), endpoint("letters", "a"))
        watcher = processes.watch(await processes.directory(), "letters")
        await watcher.until_instances("a")

        await directory.register([endpoint("orders", "a")])

        await watcher.until_instances()
        assert instances(await directory.resolve("orders")) == ["a"]
        assert instances(await directory.resolve("letters")) == []

    async def test_registering_nothing_is_leaving(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "a"))

        await directory.register([])

        assert instances(await (await processes.directory()).resolve("orders")) == []

    async def test_who_leaves_takes_all_that_is_its_own_and_nothing_else(
        self, processes: Processes
    ) -> None:
        leaving = await processes.offer(endpoint("orders", "a"), endpoint("letters", "a"))
        await processes.offer(endpoint("orders", "b"))
        reader = await processes.directory()

        await leaving.leave()

        assert instances(await reader.resolve("orders")) == ["b"]
        assert instances(await reader.resolve("letters")) == []

    async def test_who_has_left_does_not_come_back_by_renewing(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "a"))
        await directory.leave()
        await directory.leave()

        await directory.renew()

        assert instances(await directory.resolve("orders")) == []

    async def test_who_has_left_can_register_again(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "a"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a")
        await directory.leave()
        await watcher.until_instances()

        await directory.register([endpoint("orders", "a")])

        await watcher.until_instances("a")

    async def test_a_change_of_weight_or_version_is_told(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "a", version="1", weight=100))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a")

        await directory.register([endpoint("orders", "a", version="1", weight=5)])
        await watcher.until(lambda now: now.endpoints[0].weight == 5)
        await directory.register([endpoint("orders", "a", version="2", weight=5)])
        await watcher.until(lambda now: now.endpoints[0].version == "2")

        assert watcher.instances == [["a"]]

    async def test_who_is_not_ready_for_a_while_is_told_as_such(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "a"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a")

        await directory.register([endpoint("orders", "a", is_ready=False)])
        await watcher.until(lambda now: not now.endpoints[0].is_ready)
        await directory.register([endpoint("orders", "a")])
        await watcher.until(lambda now: now.endpoints[0].is_ready)

        assert watcher.instances == [["a"]]

    async def test_comings_and_leavings_are_told_in_order(self, processes: Processes) -> None:
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances()

        a = await processes.offer(endpoint("orders", "a"))
        await watcher.until_instances("a")
        await processes.offer(endpoint("orders", "b"))
        await watcher.until_instances("a", "b")
        await a.leave()
        await watcher.until_instances("b")

        assert watcher.instances == [[], ["a"], ["a", "b"], ["b"]]

    async def test_who_watches_later_is_told_what_stands_and_no_history(
        self, processes: Processes
    ) -> None:
        a = await processes.offer(endpoint("orders", "a"))
        await processes.offer(endpoint("orders", "b"))
        await a.leave()

        watcher = processes.watch(await processes.directory(), "orders")

        await watcher.until_instances("b")
        assert watcher.instances == [["b"]]

    async def test_a_renewal_tells_nobody_anything(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "a"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("a")

        for _ in range(10):
            await directory.renew()
        await processes.offer(endpoint("orders", "b"))
        await watcher.until_instances("a", "b")

        assert len(watcher.told) == 2

    async def test_a_service_is_not_told_of_others(self, processes: Processes) -> None:
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances()

        await processes.offer(*(endpoint(f"other{n}", "x") for n in range(10)))
        await processes.offer(endpoint("orders", "a"))
        await watcher.until_instances("a")

        assert len(watcher.told) == 2

    async def test_a_later_run_at_the_same_address_takes_the_place_of_the_earlier(
        self, processes: Processes
    ) -> None:
        earlier = await processes.offer(endpoint("orders", "run1", address="unix:/run/a"))
        watcher = processes.watch(await processes.directory(), "orders")
        await watcher.until_instances("run1")

        await processes.offer(endpoint("orders", "run2", address="unix:/run/a"))
        await watcher.until_instances("run2")
        await earlier.leave()

        reader = await processes.directory()
        assert instances(await reader.resolve("orders")) == ["run2"]
        assert watcher.instances == [["run1"], ["run2"]]

    async def test_environments_do_not_find_each_other(self, processes: Processes) -> None:
        other = f"{processes.environment}2"
        await processes.offer(endpoint("orders", "a"))

        assert (
            instances(await (await processes.directory(environment=other)).resolve("orders")) == []
        )

    async def test_many_endpoints_of_a_service_are_all_found(self, processes: Processes) -> None:
        names = [f"{n:03}" for n in range(MANY)]
        await processes.offer(*(endpoint("orders", name) for name in names))
        reader = await processes.directory()

        assert instances(await reader.resolve("orders")) == names
        await processes.watch(reader, "orders").until_instances(*names)

    async def test_many_services_are_watched_at_once(self, processes: Processes) -> None:
        reader = await processes.directory()
        watchers = [processes.watch(reader, f"s{n}") for n in range(MANY)]
        for watcher in watchers:
            await watcher.until_instances()

        await processes.offer(*(endpoint(f"s{n}", "a") for n in range(MANY)))

        for watcher in watchers:
            await watcher.until_instances("a")
            assert len(watcher.told) == 2

    async def test_an_endpoint_that_is_too_large_harms_no_other(self, processes: Processes) -> None:
        await processes.offer(endpoint("orders", "a"))
        large = await processes.offer(endpoint("orders", "x", version="v" * 10_000))

        await large.register([endpoint("orders", "b")])

        reader = await processes.directory()
        assert instances(await reader.resolve("orders")) == ["a", "b"]
