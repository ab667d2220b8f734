"""How shipping keeps its promise."""

from outgrow import Store, Transaction, service, transactional
from shop.shipping.contract import (
    Parcel,
    ParcelCollected,
    ParcelDelivered,
    ParcelLeft,
    ParcelState,
    ParcelTotals,
    Shipping,
    UnknownParcel,
)

COLLECTED_AT_ONCE = 100
PARCEL = "select order_id, user_id, state from parcels where order_id = :order_id"
WAITING = (
    "select order_id, user_id, state from parcels where state = 'waiting'"
    " order by order_id limit :count"
)


@service
class ShippingService(Shipping):
    """Sends parcels with a carrier that comes now and then."""

    store: Store

    @transactional
    async def send(self, tx: Transaction, order_id: str, user_id: str) -> None:
        # A parcel that was stopped before it came stays here.
        await tx.execute(
            "insert into parcels (order_id, user_id, state)"
            " values (:order_id, :user_id, 'waiting')"
            " on conflict (order_id) do update set user_id = excluded.user_id",
            order_id=order_id,
            user_id=user_id,
        )

    @transactional
    async def stop(self, tx: Transaction, order_id: str) -> None:
        stopped = await tx.execute(
            "insert into parcels (order_id, user_id, state) values (:order_id, '', 'stopped')"
            " on conflict (order_id) do update set state = 'stopped'"
            " where parcels.state in ('waiting', 'stopped')",
            order_id=order_id,
        )
        if not stopped:
            raise ParcelLeft(order_id=order_id)

    @transactional
    async def collect(self, tx: Transaction) -> list[str]:
        parcels = await tx.fetch_all(Parcel, WAITING, count=COLLECTED_AT_ONCE)
        for parcel in parcels:
            await self._move(tx, parcel, ParcelState.UNDER_WAY)
            await tx.record(ParcelCollected(order_id=parcel.order_id, user_id=parcel.user_id))
        return [parcel.order_id for parcel in parcels]

    @transactional
    async def deliver(self, tx: Transaction, order_ids: list[str]) -> None:
        for order_id in order_ids:
            parcel = await tx.fetch_optional(Parcel, PARCEL, order_id=order_id)
            if parcel is None or parcel.state in (ParcelState.WAITING, ParcelState.STOPPED):
                raise UnknownParcel(order_id=order_id)
            if parcel.state is ParcelState.UNDER_WAY:
                await self._move(tx, parcel, ParcelState.DELIVERED)
                await tx.record(ParcelDelivered(order_id=order_id, user_id=parcel.user_id))

    async def get_parcel(self, order_id: str) -> Parcel:
        async with self.store.read() as snapshot:
            parcel = await snapshot.fetch_optional(Parcel, PARCEL, order_id=order_id)
        if parcel is None:
            raise UnknownParcel(order_id=order_id)
        return parcel

    async def get_totals(self) -> ParcelTotals:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                ParcelTotals,
                "select count(case when state = 'waiting' then 1 end) as waiting,"
                " count(case when state = 'under_way' then 1 end) as under_way,"
                " count(case when state = 'delivered' then 1 end) as delivered,"
                " count(case when state = 'stopped' then 1 end) as stopped from parcels",
            )

    async def _move(self, tx: Transaction, parcel: Parcel, state: ParcelState) -> None:
        await tx.execute(
            "update parcels set state = :state where order_id = :order_id",
            order_id=parcel.order_id,
            state=state,
        )
