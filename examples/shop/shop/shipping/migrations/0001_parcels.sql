create table parcels (
    order_id text not null primary key,
    user_id text not null,
    state text not null check (state in ('waiting', 'under_way', 'delivered', 'stopped'))
);

create index parcels_waiting on parcels (order_id) where state = 'waiting';
