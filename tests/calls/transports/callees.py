"""The other sides of our own transports, as the conformance suite wants them."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from pathlib import Path

from outgrow.calls import InProcess
from outgrow.calls.grpc import GrpcServer, GrpcTransport, Peer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.identity import Callers, Name
from outgrow.identity.certificates import Authority, Guard, Identity, write_papers

_FOLDER = tempfile.mkdtemp(prefix="og-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_CONVERTERS = {}
_NEXT = itertools.count()


def converters_of(models):
    """The converters of *models*, made once for all behaviours."""
    key = tuple(id(model) for model in models)
    if key not in _CONVERTERS:
        _CONVERTERS[key] = models, Converters(Messages("suite", models))
    return _CONVERTERS[key][1]


class Here:
    """The same process."""

    def __init__(self, reception, models, clock):
        self._reception = reception

    async def start(self):
        pass

    async def stop(self, grace_seconds):
        pass

    def connect(self, models):
        return InProcess(self._reception)


HERE_LACKS = {
    "away": "nobody is away in the process that asks",
    "closing": "there is no connection, so nothing is closed",
    "limit": "references have no size",
    "revisions": "a process has one revision of each contract",
    "types": "a call in one process is checked by the type checker",
}


class OverGrpc:
    """Another process, as far as anybody can tell: a server of its own at each start."""

    compression = None

    def __init__(self, reception, models, clock):
        self._reception, self._models, self._clock = reception, models, clock
        self._server = None
        self.address = self.place()

    def place(self):
        raise NotImplementedError

    async def start(self):
        server = GrpcServer(
            converters_of(self._models), self._reception.bind, self._clock, **self.guarding()
        )
        for model in self._models:
            server.admit(model)
        self.address = await server.start(self.address)
        self._server = server

    async def stop(self, grace_seconds):
        server, self._server = self._server, None
        if server is not None:
            await server.drain(grace_seconds)

    def connect(self, models):
        return GrpcTransport(self.address, converters_of(models), self._clock, **self.peering())

    def guarding(self):
        return {}

    def peering(self):
        return {}


class OverUnix(OverGrpc):
    def place(self):
        return f"unix:{_FOLDER}/{next(_NEXT)}"


class OverTcp(OverGrpc):
    def place(self):
        # An address that no outgoing connection of this machine has, so that the port stays free.
        n = next(_NEXT)
        return f"127.{1 + os.getpid() % 250}.{n // 250 % 250}.{1 + n % 250}:0"


class OverTls(OverTcp):
    """TCP with certificates on both sides, issued once for all behaviours."""

    _identity = None

    @classmethod
    def identity(cls):
        if cls._identity is None:
            name = Name(application="suite", environment="tests", process="both")
            folder = Path(_FOLDER, "tls")
            write_papers(folder, Authority(SystemClock()).issue(name))
            cls._identity = Identity(folder, name)
        return cls._identity

    def guarding(self):
        services = ("orders", "transports")
        callers = Callers(
            declared={"transports": services}, hosts={"both": services}, entrances=("both",)
        )
        return {"guard": Guard(self.identity(), lambda: callers)}

    def peering(self):
        return {"peer": Peer(identity=self.identity(), process="both")}
