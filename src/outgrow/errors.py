"""
Every way outgrow can fail, on one page.

OutgrowError
├─ DefinitionError       the program is wrong; raised before any traffic, all findings at once
│  ├─ InvalidContract    a contract, record, event or problem
│  ├─ InvalidService     a service class, or what it needs
│  └─ InvalidTopology    outgrow.toml
├─ CallError             a call failed; .may_have_run says whether the other side may have acted
│  ├─ CallRefused        it did not run
│  │  ├─ ArgumentsRefused · CallerNotAllowed · CallerNotDeclared · CallInTransaction
│  │  ├─ ContractDiffers · KeyReused · Overloaded · CommandOutsideStep · AlreadyUndone
│  ├─ ServiceUnreachable
│  ├─ CallTimedOut
│  ├─ StillRunning · SagaAborted
│  └─ CallFailed         it raised something that its contract does not declare
├─ StoreError
│  ├─ StoreRefused       StoreInUse · StoreOfAnother · StoreUnreadable · MigrationFailed
│  │                     StoreMisplaced · StoreUnwritable · StoreMoved
│  ├─ MoveRefused        MoveFailed
│  ├─ NoSuchRow · StoreUnreachable · CommitUnknown
│  └─ UnitError          a unit of work was rolled back, alone
│     ├─ StatementRefused · StatementFailed · DiskFailed · StatementInterrupted
│     ├─ TransactionClosed · SnapshotExpired · WaitedInTransaction
├─ JournalError          EventTooLarge · EventKeyRefused · EventUnreadable · NotTheOwner
│                        BrokerUnreachable · TimerRefused · TimerExists · ArchiveBroken
├─ SagaError             StepRefused · StepNotAwaited · SagaDiverged · SagaCodeMissing
├─ ListenRefused         an address could not be listened on
├─ IdentityRefused       a key or a certificate cannot be used
├─ ExtraMissing          an optional part is not installed
├─ ServiceNotOpened      the open() of a service did not succeed
├─ ProcessFailed         a process of a topology could not start
├─ AlreadyRunning        a topology runs in the same folder
├─ ControlError          a running process could not be asked, or could not answer
├─ RevisionUnreadable    a git revision could not be read, to compare contracts with it
└─ InternalError         outgrow is wrong; please report

Errors carry plain data in typed fields, so that they survive pickling and the wire. A declared
`Problem` is not here: it is a reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that is wrong with a program: where, what, and what to do about it.

    Attributes:
        place: ``file:line`` where it stands, or the name of what is wrong.
        message: What happened, one sentence.
        remedy: What would be right and what to do; may be several sentences.
        slug: The finding's name, for ``outgrow explain``.
        severity: Only errors refuse a program; warnings and notes are said, by ``outgrow check``.
    """

    place: str
    message: str
    remedy: str
    slug: str
    severity: Literal["error", "warning", "note"] = "error"

    def __str__(self) -> str:
        severity = "" if self.severity == "error" else f"{self.severity}: "
        remedy = "".join(f"\n  {line}" for line in self.remedy.splitlines())
        return f"{self.place}: {severity}{self.message}{remedy}"


class OutgrowError(Exception):
    """Everything that outgrow raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword-only fields do not survive pickling by themselves.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[OutgrowError], args: tuple[Any, ...], fields: dict[str, Any]
) -> OutgrowError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(fields)
    return error


class DefinitionError(OutgrowError):
    """The program is wrong. Raised before any traffic, with all findings at once."""

    def __init__(self, findings: list[Finding]) -> None:
        # A contract that cannot be read is met once by each service that imports it.
        self.findings = findings = list(dict.fromkeys(findings))
        count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        text = "\n".join(str(finding) for finding in findings)
        super().__init__(f"{text}\n\n{count}.")

    @classmethod
    def raise_if_any(cls, findings: list[Finding]) -> None:
        """Raise one error that names them all, if there are any."""
        if findings:
            raise cls(findings)


class InvalidContract(DefinitionError):
    """A contract, record, event or problem cannot be what it says."""


class InvalidService(DefinitionError):
    """A service class cannot keep its contract, or what it needs is missing or ambiguous."""


class InvalidTopology(DefinitionError):
    """``outgrow.toml`` names something that does not exist or cannot be."""


class CallError(OutgrowError):
    """
    A call failed.

    Attributes:
        method: ``service.method`` that was called.
        may_have_run: Whether the other side may have acted, wholly or partly. If true, only a
            repeat under the same key is safe.
    """

    may_have_run = True

    def __init__(self, method: str, message: str) -> None:
        self.method = method
        super().__init__(f"{method}: {message}")


class CallRefused(CallError):
    """The other side did not begin; repeating is safe."""

    may_have_run = False


class ArgumentsRefused(CallRefused):
    """
    The arguments do not fit the method.

    Attributes:
        findings: ``(place, message)`` for each argument or part of one that does not fit.
    """

    def __init__(self, method: str, findings: list[tuple[str, str]]) -> None:
        self.findings = findings
        super().__init__(method, "; ".join(f"{place}: {message}" for place, message in findings))


class CallerNotAllowed(CallRefused):
    """
    The caller lacks the permission that the method names.

    Attributes:
        permission: The permission that would be right.
    """

    def __init__(self, method: str, permission: str, caller: str) -> None:
        self.permission = permission
        super().__init__(method, f"{caller} lacks the permission {permission!r}.")


class CallerNotDeclared(CallRefused):
    """
    A process or service called that nothing declared: it is not let in, whoever it calls for.

    Attributes:
        peer: The name in the certificate of the process that called.
        via: The service that it said calls; empty if it said none.
    """

    def __init__(self, method: str, peer: str, via: str, reason: str) -> None:
        self.peer = peer
        self.via = via
        super().__init__(method, reason)


class CallInTransaction(CallRefused):
    """Another service was called while a transaction is open; nothing remote may be waited for."""

    def __init__(self, method: str) -> None:
        super().__init__(
            method,
            "a transaction is open, and nothing remote is waited for while a lock is held. "
            "Ask before the transaction begins, or use tx.send(...) for after it.",
        )


class ContractDiffers(CallRefused):
    """
    The processes of the caller and of the callee have different versions of a contract.

    Nothing ran. A sent command waits until the versions agree, or understand each other.

    Attributes:
        contract: ``service.Contract``.
        caller_has: The fingerprint of the contract in the caller's process.
        callee_has: The fingerprint in the process that was asked.
        place: ``file:line`` of the contract in the process that was asked.
        differences: What differs; empty if the two were not held beside each other.
        unfrozen: Which of ``caller`` and ``callee`` has what no committed file says.
    """

    def __init__(
        self,
        method: str,
        contract: str,
        *,
        caller_has: str,
        callee_has: str,
        place: str,
        differences: Sequence[str] = (),
        unfrozen: Sequence[str] = (),
    ) -> None:
        self.contract = contract
        self.caller_has = caller_has
        self.callee_has = callee_has
        self.place = place
        self.differences = list(differences)
        self.unfrozen = list(unfrozen)
        told = "".join(f"\n- {difference}" for difference in differences)
        super().__init__(
            method,
            f"the process that was asked has another version of the contract {contract} than its "
            f"caller: {callee_has} (at {place}), and the caller has {caller_has}. Nothing ran."
            f"{told and f' What differs:{told}'}\n{_how_to_agree(self.unfrozen)}",
        )


def _how_to_agree(unfrozen: Sequence[str]) -> str:
    same = "Deploy both sides from the same revision"
    if not unfrozen:
        return f"{same}, or change the contract in steps that 'outgrow contract check' calls safe."
    sides = " and the ".join(unfrozen)
    verb = "is" if len(unfrozen) == 1 else "are"
    return (
        f"The {sides} {verb} not frozen. {same}, or freeze both: revisions that are frozen and "
        "compatible understand each other. Run 'outgrow contract freeze'."
    )


class KeyReused(CallRefused):
    """The same idempotency key came with other arguments."""

    def __init__(self, method: str, key: str) -> None:
        self.key = key
        super().__init__(
            method,
            f"key {key!r} was used before with other arguments. "
            "A repeat carries the same arguments; another command needs another key.",
        )


class Overloaded(CallRefused):
    """
    The process has as much to do as its limit allows; later is better.

    Attributes:
        retry_after_seconds: How much later: when the process expects to have room again. Callers
            that all come back at that moment would be the next crowd, so add a random part.
    """

    retry_after_seconds = 1.0

    def __init__(self, method: str, message: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(method, message)
        self.retry_after_seconds = retry_after_seconds


class ServiceUnreachable(CallError):
    """
    The process that hosts the service did not answer.

    Attributes:
        may_have_run: False only if the connection was never made, or the process was stopping and
            said that it did not run it.
    """

    def __init__(self, method: str, message: str, *, may_have_run: bool) -> None:
        super().__init__(method, message)
        self.may_have_run = may_have_run


class CallTimedOut(CallError):
    """
    The deadline passed.

    Attributes:
        may_have_run: False only if the deadline had passed before the method began.
    """

    def __init__(self, method: str, *, may_have_run: bool) -> None:
        super().__init__(method, "its deadline passed.")
        self.may_have_run = may_have_run


class CallFailed(CallError):
    """
    The method raised something that its contract does not declare.

    In one process the original exception is the ``__cause__``.

    Attributes:
        error_type: Dotted name of the original exception's type.
        error_text: Its text.
    """

    def __init__(self, method: str, error_type: str, error_text: str) -> None:
        self.error_type = error_type
        self.error_text = error_text
        super().__init__(method, f"it raised {error_type}: {error_text}")


class CommandOutsideStep(CallRefused):
    """A saga called a command directly, so that nobody would know after a crash whether it ran."""

    def __init__(self, method: str) -> None:
        super().__init__(
            method,
            "a saga calls commands in steps, which are written down: "
            "await run.step(self.payments.charge, ...).undo(self.payments.refund, ...).",
        )


class AlreadyUndone(CallRefused):
    """A step of a saga came after its undo; it has no effect any more."""

    def __init__(self, method: str, key: str) -> None:
        self.key = key
        super().__init__(method, f"the step under key {key!r} was undone before it came.")


class StillRunning(CallError):
    """
    A saga goes on, and its caller's time is over. A repeat under the same key joins it.

    Attributes:
        saga_id: Under which it can be asked for.
        retry_after_seconds: When it is worth asking again.
    """

    def __init__(self, method: str, saga_id: str, *, retry_after_seconds: float = 1.0) -> None:
        self.saga_id = saga_id
        self.retry_after_seconds = retry_after_seconds
        super().__init__(
            method,
            f"saga {saga_id} goes on under its own deadline. Ask again under the same key, "
            "or look it up by its id.",
        )


class SagaAborted(CallError):
    """
    A saga could not be finished, and what it had done is undone.

    Attributes:
        saga_id: Under which it can be looked up.
        cause: Why it was undone.
    """

    def __init__(self, method: str, saga_id: str, cause: str) -> None:
        self.saga_id = saga_id
        self.cause = cause
        super().__init__(method, f"saga {saga_id} was undone: {cause}")


class SagaError(OutgrowError):
    """A saga's code cannot be run as it is written."""


class StepRefused(SagaError):
    """What a saga asks for can be no step."""


class StepNotAwaited(SagaError):
    """A saga made a step and never awaited it, so it was not done."""


class SagaDiverged(SagaError):
    """
    A saga's code does something else than what is written down of its first run.

    Attributes:
        number: Of the step where the two differ.
        written: What was done then.
        asked: What the code asks for now.
    """

    def __init__(self, number: int, written: str, asked: str) -> None:
        self.number = number
        self.written = written
        self.asked = asked
        super().__init__(
            f"step {number} was {written} when the saga ran first, and the code asks for {asked} "
            "now. Bring the code back under which it began, beside the new one: "
            "@saga(version=...). Then retry it."
        )


class SagaCodeMissing(SagaError):
    """
    Sagas are under way whose code this program does not have.

    Attributes:
        missing: ``service.method, version n: count`` of each.
    """

    def __init__(self, missing: list[str]) -> None:
        self.missing = missing
        told = "".join(f"\n- {each}" for each in missing)
        super().__init__(
            f"sagas are under way whose code is not here:{told}\n"
            "Keep the old code beside the new one, as @saga(version=..., name=...), until they "
            "have ended; or leave them to an operator: outgrow run --abandon."
        )


class StoreError(OutgrowError):
    """A service's store could not be opened or used."""


class StoreRefused(StoreError):
    """
    The store was not opened; nothing in it was changed.

    Attributes:
        place: The file or address of the store.
    """

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}")


class StoreUnreachable(StoreError):
    """
    The database's server did not answer, or refused for now; nothing was changed.

    Attributes:
        place: Its address, without the password.
    """

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        super().__init__(
            f"{place}: the database cannot be reached: {reason.rstrip('.')}. Nothing was changed; "
            "see that the server runs and that its address is right, then try again."
        )


class CommitUnknown(StoreError):
    """
    The connection ended while a unit of work was committed: it has happened as a whole, or not.

    Attributes:
        place: The database's address, without the password.
    """

    def __init__(self, place: str, unit: str) -> None:
        self.place = place
        super().__init__(
            f"{place}: the connection was lost while {unit} was committed, so nobody knows whether "
            "it was. Call it again under the same idempotency key: it has one effect."
        )


class StoreInUse(StoreRefused):
    """Another process has the store open."""


class StoreOfAnother(StoreRefused):
    """The store belongs to another application or service."""


class StoreUnreadable(StoreRefused):
    """The file is damaged, no database, or written by a newer outgrow."""


class StoreMoved(StoreRefused):
    """A move took its rows elsewhere, or has not yet brought all of them here."""


class StoreMisplaced(StoreRefused):
    """Its folder is on a file system that is reached over a network, where stores are damaged."""


class StoreUnwritable(StoreRefused):
    """The file or its folder may not be written, or the disk is full."""


class MigrationFailed(StoreRefused):
    """A migration was rolled back; the store is as it was before."""


class MoveRefused(StoreError):
    """
    A store cannot be moved there, or not now; the old one is as it was.

    Attributes:
        place: What stands in the way: the file or address of a store, or the file of a move.
    """

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}")


class MoveFailed(MoveRefused):
    """What arrived is not what was sent; nothing was switched, and the old store goes on."""


class NoSuchRow(StoreError):
    """``fetch_one`` found no row."""


class UnitError(StoreError):
    """A unit of work was rolled back, alone; its neighbours are not affected."""


class StatementRefused(UnitError):
    """The statement could harm other units or reach another file."""


class StatementFailed(UnitError):
    """
    The database did not accept the statement.

    Attributes:
        kind: The database's name for what happened, such as ``IntegrityError``.
    """

    def __init__(self, message: str, kind: str) -> None:
        self.kind = kind
        super().__init__(message)


class DiskFailed(StatementFailed):
    """
    The disk is full, cannot be written or read, or what is on it is damaged.

    What was not committed has not happened; what was committed before is kept.
    """


class StatementInterrupted(UnitError):
    """The statement ran longer than one statement may."""


class TransactionClosed(UnitError):
    """A transaction or snapshot was used after its end."""


class SnapshotExpired(TransactionClosed):
    """A snapshot was open longer than one may be, or the log grew too large meanwhile."""


class WaitedInTransaction(UnitError):
    """
    A transactional method waited for something other than its transaction.

    Attributes:
        place: ``file:line`` of the await.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(
            f"{place}: waited for something other than the transaction. "
            "Others wait while a transaction is open, so only tx.… may be awaited. "
            "Wait before it begins; send with tx.send(...) what comes after it."
        )


class JournalError(OutgrowError):
    """Something could not be recorded or read back."""


class EventTooLarge(JournalError):
    """The encoded event or command is over the limit."""


class EventKeyRefused(JournalError):
    """
    The key of an event cannot be kept.

    Attributes:
        event: The event's name, such as ``orders.OrderPlaced``.
    """

    def __init__(self, event: str, problem: str, characters_max: int) -> None:
        self.event = event
        super().__init__(
            f"{event}: its key cannot be kept: {problem}. What keeps events in order is a text of "
            f"1 to {characters_max} characters, of any kind but control characters. Name a field "
            'that holds an id: class OrderPlaced(Event, key="order_id")'
        )


class EventUnreadable(JournalError):
    """A recorded event does not fit its class any more."""


class NotTheOwner(JournalError):
    """A service recorded an event that another service's contract defines."""


class ArchiveBroken(JournalError):
    """
    An archive of a journal is not what was written.

    Attributes:
        place: ``file:line``.
    """

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}")


class TimerRefused(JournalError):
    """A timer cannot be set so: its moment or its name, or there are too many."""


class TimerExists(TimerRefused):
    """
    Another timer of the service has the name.

    Attributes:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"a timer {name!r} is set already, and a name is for one timer of a service. Move it "
            "with tx.reschedule(name, when), or cancel it with tx.cancel(name) and set another."
        )


class BrokerUnreachable(JournalError):
    """
    The broker, or the process behind it, did not answer in time.

    Attributes:
        broker: Where it was looked for.
    """

    def __init__(self, broker: str, message: str) -> None:
        self.broker = broker
        super().__init__(f"{broker}: {message}")


class ControlError(OutgrowError):
    """
    A running process could not be asked, or could not do what it was asked.

    Attributes:
        kind: The name of the error that the process met, which explains more than this one; its
            own if there is none.
    """

    def __init__(self, message: str, kind: str = "ControlError") -> None:
        self.kind = kind
        super().__init__(message)


class IdentityRefused(OutgrowError):
    """
    A key, a certificate or an authority cannot be used; nothing was started with it.

    Attributes:
        place: The file.
    """

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}")


class ExtraMissing(OutgrowError):
    """
    An optional part of outgrow is needed, and is not installed.

    Attributes:
        extra: The name of the extra that brings it.
    """

    def __init__(self, extra: str, what_for: str) -> None:
        self.extra = extra
        super().__init__(
            f"{what_for} need the {extra!r} extra. Install it: pip install 'outgrow[{extra}]'"
        )


class ListenRefused(OutgrowError):
    """
    An address could not be listened on; nothing was started.

    Attributes:
        place: Where the address is configured.
        address: ``host:port``, or the path of a Unix socket.
    """

    def __init__(self, place: str, address: str, message: str, remedy: str) -> None:
        self.place = place
        self.address = address
        super().__init__(f"{place}: {address} {message}. {remedy}".rstrip())


class ServiceNotOpened(OutgrowError):
    """
    The ``open`` of a service raised, or took too long; the process was stopped again.

    What it raised is the ``__cause__``.

    Attributes:
        service: The service.
        place: ``file:line`` of the user's code that raised.
    """

    def __init__(self, service: str, message: str, place: str) -> None:
        self.service = service
        self.place = place
        super().__init__(f"service {service!r} could not open: {message}, at {place}")


class ProcessFailed(OutgrowError):
    """
    A process of a topology ended before it was ready; all others were stopped again.

    Attributes:
        processes: The names of those that ended.
    """

    def __init__(self, processes: list[str], message: str) -> None:
        self.processes = processes
        super().__init__(message)


class AlreadyRunning(OutgrowError):
    """
    The application runs in the same state folder already; nothing was started.

    Attributes:
        state: The folder.
        pid: The process that runs it, if it is known.
        topology: The topology that it runs; empty if all runs in that process.
    """

    def __init__(self, state: str, pid: int, topology: str = "") -> None:
        self.state = state
        self.pid = pid
        self.topology = topology
        what = f"the topology {topology!r} of this application" if topology else "outgrow run"
        who = f"supervisor {pid}" if topology else f"process {pid}"
        told = f"{what} runs here ({who}): stop it first: kill {pid}"
        if not pid:
            told = "processes of this application have not ended here yet: stop them first"
        super().__init__(f"{state}: {told}; or keep this one's state elsewhere: --state DIR.")


class RevisionUnreadable(OutgrowError):
    """Another revision of the program could not be read, to compare contracts with it."""


class InternalError(OutgrowError):
    """outgrow is wrong; please report it with the traceback."""
