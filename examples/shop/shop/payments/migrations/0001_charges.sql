-- One row for each order that payments has heard of.
create table charges (
    order_id text not null primary key,
    user_id text not null,
    cents integer not null,
    state text not null check (state in ('charged', 'refused', 'refunded', 'cancelled'))
);
