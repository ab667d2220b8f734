"""What an operator asks of all processes at once: journals, what waits, and consumers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control.adding import added_consumers, added_timers
from outgrow.process.control.asking import ask
from outgrow.process.control.everyone import Answers, ask_everyone, control_socket

LONG_SECONDS_MAX = 3600.0
"""How long a process may take to read or write archives."""


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """
    A consumer that has rows in a store and no code any more.

    Attributes:
        process: The process that hosts its service.
        replica: The one of its replicas that is asked.
        waiting: Messages that wait for it, and are dropped with it.
    """

    consumer: str
    process: str
    replica: str
    waiting: int


class Operator:
    """
    Asks the processes that keep their state in one folder.

    Every method raises `ControlError` if no process runs there, or none knows what it is about.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def journal(self, service: str, **wanted: Any) -> Any:
        """Rows of the journal of *service*, from the process that hosts it."""
        return self._ask(self.host_of(service), "journal", service=service, **wanted)

    def row(self, service: str, wanted: str) -> tuple[dict[str, Any], list[Any], dict[str, str]]:
        """One row of the journal, what each consumer has made of it, and who did not answer."""
        row = self._ask(self.host_of(service), "row", service=service, row=wanted)
        found = ask_everyone(self._state, "fates", row=row)
        fates = [{**row, "process": name} for name, rows in found.once.items() for row in rows]
        return row, sorted(fates, key=lambda fate: fate["consumer"]), found.silent

    def timers(self, service: str | None, limit: int) -> tuple[list[Any], list[Any], Any]:
        """Timers, those that are due first; how many each service has; and who did not answer."""
        if service is None:
            found = ask_everyone(self._state, "timers", limit=limit)
        else:
            process = self.host_of(service)
            told = self._ask(process, "timers", service=service, limit=limit)
            found = Answers(answers={process: told}, silent={})
        rows = [
            {"service": name, **timer}
            for answer in found.once.values()
            for name, timers in answer["timers"].items()
            for timer in timers
        ]
        counts = added_timers([one for a in found.answers.values() for one in a["statistics"]])
        wanted = [one for one in counts if service in (None, one["service"])]
        return sorted(rows, key=lambda row: row["due_at"])[:limit], wanted, found.silent

    def history(
        self, service: str | None, key: str | None, correlation_id: str | None, limit: int
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """The newest rows of journals under a key or of a request, and who did not answer."""
        found = ask_everyone(self._state, "placement")
        hosts = {
            name: process
            for process, placement in found.answers.items()
            for name in placement["journals"]
        }
        if service is not None:
            hosts = {service: self.host_of(service)}
        rows = []
        for name, process in sorted(hosts.items()):
            rows += self._history(process, name, key, correlation_id, limit)
        newest = sorted(
            rows, key=lambda row: (row["recorded_at"], row["service"], row["position"])
        )[-limit:]
        return newest, found.silent

    def _history(
        self, process: str, service: str, key: str | None, correlation_id: str | None, limit: int
    ) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        before = None
        while True:
            wanted = {"service": service, "key": key, "correlation_id": correlation_id}
            page = self._ask(process, "history", **wanted, before=before)
            rows += page["rows"]
            before = page["before"]
            if before is None or len(rows) >= limit:
                return rows[:limit]

    def host_of(self, service: str) -> str:
        """The process that hosts *service*; of several replicas the one that leads, if one does."""
        found = ask_everyone(self._state, "placement")
        hosts = {n: told for n, told in found.answers.items() if service in told["services"]}
        for name in sorted(hosts, key=lambda name: service not in hosts[name]["leads"]):
            return name
        names = sorted({name for placed in found.answers.values() for name in placed["services"]})
        message = f"{service!r} is hosted by no process that answers."
        raise ControlError(f"{message} Hosted are: {_listed(names)}.{_silence(found)}")

    def waiting(self) -> tuple[list[dict[str, Any]], int, dict[str, str]]:
        """The keys under which something waits, how many there are, and who did not answer."""
        found = ask_everyone(self._state, "waiting")
        keys = [
            {**key, "process": process}
            for process, answer in found.once.items()
            for key in answer["keys"]
        ]
        return keys, sum(answer["keys_count"] for answer in found.once.values()), found.silent

    def consumers(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """All consumers, running or dead, and who did not answer."""
        found = ask_everyone(self._state, "consumers")
        return added_consumers(found.answers), found.silent

    def replay(self, consumer: str, key: str | None, who: str, reason: str) -> dict[str, Any]:
        """Try again what waits for *consumer* under *key*, or under all keys if it is None."""
        if key is not None:
            return self._ask_runner(consumer, "replay", key=key, who=who, reason=reason)
        row = self._find(consumer, "running")[0]
        messages = 0
        for replica in row["replicas"]:  # Each knows what waits in its share.
            told = self._ask(replica, "replay", consumer=consumer, all=True, who=who, reason=reason)
            messages += told["messages"]
        return {"consumer": consumer, "process": row["process"], "messages": messages}

    def line(self, consumer: str, key: str) -> list[dict[str, Any]]:
        """What waits for *consumer* under *key*, in order."""
        replica = self._find(consumer, "running")[0]["replicas"][0]
        return self._ask(replica, "line", consumer=consumer, key=key)  # type: ignore[no-any-return]

    def drop(self, consumer: str, key: str, who: str, reason: str, **which: Any) -> dict[str, Any]:
        """Let *consumer* never handle *which* messages wait for it under *key*."""
        return self._ask_runner(consumer, "drop", key=key, who=who, reason=reason, **which)

    def archive(
        self, service: str, folder: Path, older_than_seconds: float, who: str, reason: str
    ) -> list[dict[str, Any]]:
        """Write all that is old enough into files in *folder*; the files."""
        process = self.host_of(service)
        wanted = {
            "service": service,
            "folder": str(folder),
            "older_than_seconds": older_than_seconds,
            "who": who,
            "reason": reason,
        }
        files = []
        while True:
            told = self._ask(process, "archive", seconds=LONG_SECONDS_MAX, **wanted)
            if told["file"] is not None:
                files.append(told)
            if told["is_all"]:
                return files

    def delete_archived(self, service: str) -> dict[str, Any]:
        """Delete what is archived of *service* and was read by every consumer of all processes."""
        process = self.host_of(service)
        passed = self._passed(service)
        rows = 0
        while True:
            told = self._ask(
                process,
                "archive_delete",
                seconds=LONG_SECONDS_MAX,
                service=service,
                passed=passed,
            )
            rows += told["rows"]
            if told["is_all"]:
                return {**told, "rows": rows}

    def restore(self, service: str, folder: Path, who: str, reason: str) -> dict[str, Any]:
        """Put rows of *service* back that the archives in *folder* hold."""
        wanted = {"service": service, "folder": str(folder), "who": who, "reason": reason}
        process = self.host_of(service)
        return self._ask(  # type: ignore[no-any-return]
            process, "archive_restore", seconds=LONG_SECONDS_MAX, **wanted
        )

    def _passed(self, service: str) -> dict[str, int]:
        """Up to where each consumer has read the journal of *service*; all must be known."""
        found = ask_everyone(self._state, "archive_passed", service=service)
        hosted = {name for answer in found.answers.values() for name in answer["hosted"]}
        known = {name for answer in found.answers.values() for name in answer["services"]}
        if found.silent or known - hosted:
            missing = _listed(sorted({*found.silent, *(known - hosted)}))
            message = (
                f"nothing is deleted while processes or services do not answer: {missing}. "
                "Nobody knows how far their handlers have read."
            )
            raise ControlError(message)
        passed: dict[str, int] = {}
        for answer in found.answers.values():
            for name, position in answer["positions"].items():
                passed[name] = min(position, passed.get(name, position))
        return passed

    def _ask_runner(self, consumer: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask one process that runs *consumer*; others of the same store hear of it."""
        row = self._find(consumer, "running")[0]
        answer = self._ask(row["replicas"][0], verb, consumer=consumer, **arguments)
        return {"consumer": consumer, "process": row["process"], **answer}

    def dead(self, consumer: str) -> Dead:
        """The dead *consumer*; one that runs is refused."""
        found = self._find(consumer, "dead")
        waiting = sum(one["waiting"] for one in found)
        row = found[0]
        return Dead(
            consumer=consumer, process=row["process"], replica=row["replicas"][0], waiting=waiting
        )

    def remove(self, dead: Dead) -> dict[str, Any]:
        """Remove the rows of *dead*, with what waits for it."""
        answer = self._ask(dead.replica, "remove_consumer", consumer=dead.consumer)
        return {"consumer": dead.consumer, "process": dead.process, **answer}

    def _ask(self, process: str, verb: str, **arguments: Any) -> Any:
        return ask(control_socket(self._state, process), verb, **arguments)

    def _find(self, consumer: str, state: str) -> list[dict[str, Any]]:
        """The rows of *consumer* in that state."""
        found = ask_everyone(self._state, "consumers")
        rows = added_consumers(found.answers)
        named = [row for row in rows if row["consumer"] == consumer]
        wanted = [row for row in named if row["state"] == state]
        if wanted:
            return wanted
        if named and state == "dead":
            message = (
                f"{consumer!r} runs in process {named[0]['process']!r}, and only a consumer that "
                "has no code any more is removed. Remove its handler from the code first."
            )
        elif named:
            message = (
                f"{consumer!r} is dead: it has rows in process {named[0]['process']!r} and no code "
                "that could handle them. Bring its code back, or remove it: outgrow event "
                f"consumers --remove '{consumer}'."
            )
        else:
            names = sorted({row["consumer"] for row in rows})
            message = f"{consumer!r} is no consumer. There are: {_listed(names)}."
        raise ControlError(message + _silence(found))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") if names else "none"


def _silence(found: Answers) -> str:
    return f" These did not answer: {', '.join(found.silent)}." if found.silent else ""
