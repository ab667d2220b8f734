"""The same promises for each of the three."""

from conformance.kinds.data import AllData, DataCard, DataCash, DataNode, DataPage, DataPart
from conformance.kinds.models import AllModel, ModelCard, ModelCash, ModelNode, ModelPage, ModelPart
from conformance.kinds.records import (
    AllRecord,
    RecordCard,
    RecordCash,
    RecordNode,
    RecordPage,
    RecordPart,
)

from outgrow import Contract, Event, Problem, command, query


class RecordKept(Event, key=None):
    """A record was kept."""

    value: AllRecord


class DataKept(Event, key=None):
    """A dataclass was kept."""

    value: AllData


class ModelKept(Event, key=None):
    """A model was kept."""

    value: AllModel


class RecordRefused(Problem, status="aborted"):
    """A record was refused."""

    part: RecordPart
    paid: RecordCard | RecordCash


class DataRefused(Problem, status="aborted"):
    """A dataclass was refused."""

    part: DataPart
    paid: DataCard | DataCash


class ModelRefused(Problem, status="aborted"):
    """A model was refused."""

    part: ModelPart
    paid: ModelCard | ModelCash


class Kinds(Contract):
    """Takes and gives the same record, written in three ways."""

    @query()
    async def echo_record(self, value: AllRecord) -> AllRecord: ...

    @query()
    async def echo_data(self, value: AllData) -> AllData: ...

    @query()
    async def echo_model(self, value: AllModel) -> AllModel: ...

    @query()
    async def spoil_record(
        self, part: list[RecordPart], node: RecordNode, page: RecordPage[int]
    ) -> RecordNode: ...

    @query()
    async def spoil_data(
        self, part: list[DataPart], node: DataNode, page: DataPage[int]
    ) -> DataNode: ...

    @query()
    async def spoil_model(
        self, part: list[ModelPart], node: ModelNode, page: ModelPage[int]
    ) -> ModelNode: ...

    @query()
    async def pay_record(self, paid: RecordCard | RecordCash) -> list[RecordCard | RecordCash]: ...

    @query()
    async def pay_data(self, paid: DataCard | DataCash) -> list[DataCard | DataCash]: ...

    @query()
    async def pay_model(self, paid: ModelCard | ModelCash) -> list[ModelCard | ModelCash]: ...

    @query(raises=[RecordRefused])
    async def refuse_record(self, part: RecordPart, paid: RecordCard | RecordCash) -> None: ...

    @query(raises=[DataRefused])
    async def refuse_data(self, part: DataPart, paid: DataCard | DataCash) -> None: ...

    @query(raises=[ModelRefused])
    async def refuse_model(self, part: ModelPart, paid: ModelCard | ModelCash) -> None: ...

    @command()
    async def keep_record(self, value: AllRecord) -> AllRecord: ...

    @command()
    async def keep_data(self, value: AllData) -> AllData: ...

    @command()
    async def keep_model(self, value: AllModel) -> AllModel: ...

    @query()
    async def heard_record(self) -> list[AllRecord]: ...

    @query()
    async def heard_data(self) -> list[AllData]: ...

    @query()
    async def heard_model(self) -> list[AllModel]: ...

    @query()
    async def give_broken_record(self) -> RecordPart: ...

    @query()
    async def give_broken_data(self) -> DataPart: ...

    @query()
    async def give_broken_model(self) -> ModelPart: ...
