"""How the promises are kept: nothing is done, so that only the borders are seen."""

from dataclasses import field
from typing import Any

import conformance.kinds.contract as c
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

from outgrow import Store, Transaction, on, service, transactional


@service
class KindsService(c.Kinds):
    """Gives back what it is given."""

    store: Store
    heard: dict[str, list[Any]] = field(default_factory=lambda: {"r": [], "d": [], "m": []})

    async def echo_record(self, value: AllRecord) -> AllRecord:
        return value

    async def spoil_record(
        self, part: list[RecordPart], node: RecordNode, page: RecordPage[int]
    ) -> RecordNode:
        part.clear()
        node.below.append(RecordNode(name="spoilt"))
        page.items.append(9)
        return node

    async def pay_record(self, paid: RecordCard | RecordCash) -> list[RecordCard | RecordCash]:
        return [paid, RecordCash()]

    async def refuse_record(self, part: RecordPart, paid: RecordCard | RecordCash) -> None:
        raise c.RecordRefused(part=part, paid=paid)

    @transactional
    async def keep_record(self, tx: Transaction, value: AllRecord) -> AllRecord:
        await tx.record(c.RecordKept(value=value))
        return value

    @on(c.RecordKept)
    async def hear_record(self, tx: Transaction, event: c.RecordKept) -> None:
        self.heard["r"].append(event.value)

    async def heard_record(self) -> list[AllRecord]:
        return self.heard["r"]

    async def give_broken_record(self) -> RecordPart:
        return RecordPart(name="x", count=0)

    async def echo_data(self, value: AllData) -> AllData:
        return value

    async def spoil_data(
        self, part: list[DataPart], node: DataNode, page: DataPage[int]
    ) -> DataNode:
        part.clear()
        node.below.append(DataNode(name="spoilt"))
        page.items.append(9)
        return node

    async def pay_data(self, paid: DataCard | DataCash) -> list[DataCard | DataCash]:
        return [paid, DataCash()]

    async def refuse_data(self, part: DataPart, paid: DataCard | DataCash) -> None:
        raise c.DataRefused(part=part, paid=paid)

    @transactional
    async def keep_data(self, tx: Transaction, value: AllData) -> AllData:
        await tx.record(c.DataKept(value=value))
        return value

    @on(c.DataKept)
    async def hear_data(self, tx: Transaction, event: c.DataKept) -> None:
        self.heard["d"].append(event.value)

    async def heard_data(self) -> list[AllData]:
        return self.heard["d"]

    async def give_broken_data(self) -> DataPart:
        part = DataPart(name="x")
        object.__setattr__(part, "count", 0)
        return part

    async def echo_model(self, value: AllModel) -> AllModel:
        return value

    async def spoil_model(
        self, part: list[ModelPart], node: ModelNode, page: ModelPage[int]
    ) -> ModelNode:
        part.clear()
        node.below.append(ModelNode(name="spoilt"))
        page.items.append(9)
        return node

    async def pay_model(self, paid: ModelCard | ModelCash) -> list[ModelCard | ModelCash]:
        return [paid, ModelCash()]

    async def refuse_model(self, part: ModelPart, paid: ModelCard | ModelCash) -> None:
        raise c.ModelRefused(part=part, paid=paid)

    @transactional
    async def keep_model(self, tx: Transaction, value: AllModel) -> AllModel:
        await tx.record(c.ModelKept(value=value))
        return value

    @on(c.ModelKept)
    async def hear_model(self, tx: Transaction, event: c.ModelKept) -> None:
        self.heard["m"].append(event.value)

    async def heard_model(self) -> list[AllModel]:
        return self.heard["m"]

    async def give_broken_model(self) -> ModelPart:
        part = ModelPart(name="x")
        part.count = 0
        return part
