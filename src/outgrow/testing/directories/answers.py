"""What a directory answers, and what it tells those who watch."""

from __future__ import annotations

from outgrow.discovery import WEIGHT_DEFAULT
from outgrow.testing.directories.processes import MANY, Processes, endpoint, instances

ODD = ("*", ">", "a.b", "a b", "", "ö😀", "=2e", "$JS.API", "../x", "line\nline", '"quoted"', "%41")
"""Names that mean something elsewhere."""


class Answers:
    """What every directory answers, also one that knows nothing but what it was given."""

    async def test_an_endpoint_is_found_as_it_was_registered(self, processes: Processes) -> None:
        offered = endpoint("orders", "one", process="back", version="1.2.0", weight=7)
        await processes.offer(offered)

        found = await (await processes.directory()).resolve("orders")

        assert found.endpoints == (offered,)
        assert not found.is_stale

    async def test_a_process_finds_what_it_offers_itself(self, processes: Processes) -> None:
        directory = await processes.offer(endpoint("orders", "one"))

        assert instances(await directory.resolve("orders")) == ["one"]

    async def test_a_service_that_nobody_offers_has_no_endpoints(
        self, processes: Processes
    ) -> None:
        await processes.offer(endpoint("orders", "one"))

        found = await (await processes.directory()).resolve("letters")

        assert found.endpoints == ()
        assert not found.is_stale

    async def test_an_environment_without_processes_is_empty(self, processes: Processes) -> None:
        found = await (await processes.directory()).resolve("orders")

        assert found.endpoints == ()
        assert not found.is_stale

    async def test_endpoints_come_in_the_order_of_their_instances(
        self, processes: Processes
    ) -> None:
        for instance in ("c", "a", "d", "b"):
            await processes.offer(endpoint("orders", instance))

        assert instances(await (await processes.directory()).resolve("orders")) == list("abcd")

    async def test_services_of_one_process_are_found_each_by_its_name(
        self, processes: Processes
    ) -> None:
        address = "unix:/run/back.sock"
        names = ["orders", "letters", "order", "orders2"]
        await processes.offer(*(endpoint(name, "one", address=address) for name in names))
        directory = await processes.directory()

        for name in names:
            found = await directory.resolve(name)
            assert [one.service for one in found.endpoints] == [name]

    async def test_what_says_nothing_of_its_weight_has_the_default(
        self, processes: Processes
    ) -> None:
        await processes.offer(endpoint("orders", "one"))

        found = await (await processes.directory()).resolve("orders")

        assert found.endpoints[0].weight == WEIGHT_DEFAULT
        assert found.endpoints[0].version == ""

    async def test_an_endpoint_of_weight_zero_is_told(self, processes: Processes) -> None:
        await processes.offer(endpoint("orders", "one", weight=0))

        found = await (await processes.directory()).resolve("orders")

        assert [one.weight for one in found.endpoints] == [0]

    async def test_odd_characters_in_what_an_endpoint_says_are_kept(
        self, processes: Processes
    ) -> None:
        offered = [
            endpoint("orders", f"{n:02} {odd}", address=f"unix:/{n}{odd}", process=odd, version=odd)
            for n, odd in enumerate(ODD)
        ]
        await processes.offer(*offered)

        found = await (await processes.directory()).resolve("orders")

        assert list(found.endpoints) == offered

    async def test_odd_characters_in_names_of_services_mean_nothing(
        self, processes: Processes
    ) -> None:
        await processes.offer(*(endpoint(odd, "one") for odd in ODD))
        directory = await processes.directory()

        for odd in ODD:
            found = await directory.resolve(odd)
            assert [one.service for one in found.endpoints] == [odd]

    async def test_who_watches_is_told_at_once_what_is_there(self, processes: Processes) -> None:
        await processes.offer(endpoint("orders", "a"), endpoint("letters", "b"))

        watcher = processes.watch(await processes.directory(), "orders")

        await watcher.until_instances("a")
        assert watcher.instances == [["a"]]

    async def test_who_watches_what_nobody_offers_is_told_so(self, processes: Processes) -> None:
        watcher = processes.watch(await processes.directory(), "orders")

        await watcher.until_instances()

    async def test_many_who_watch_are_told_the_same(self, processes: Processes) -> None:
        await processes.offer(endpoint("orders", "a"))
        directory = await processes.directory()

        watchers = [processes.watch(directory, "orders") for _ in range(MANY)]

        for watcher in watchers:
            await watcher.until_instances("a")

    async def test_one_who_ends_watching_disturbs_no_other(self, processes: Processes) -> None:
        await processes.offer(endpoint("orders", "a"))
        directory = await processes.directory()
        first = directory.watch("orders")
        await anext(first)
        other = processes.watch(directory, "orders")

        await first.aclose()  # type: ignore[attr-defined]

        await other.until_instances("a")
        assert instances(await directory.resolve("orders")) == ["a"]
        await processes.watch(directory, "orders").until_instances("a")

    async def test_what_was_never_registered_can_be_renewed_and_leave(
        self, processes: Processes
    ) -> None:
        directory = await processes.directory()

        await directory.renew()
        await directory.leave()
        await directory.renew()

        assert (await directory.resolve("orders")).endpoints == ()
