create table items (
    item_id text not null primary key,
    price_cents integer not null check (price_cents >= 0),
    received integer not null,
    on_shelf integer not null check (on_shelf >= 0)
);

-- One row for each order that stock has heard of.
create table orders (
    order_id text not null primary key,
    state text not null check (state in ('held', 'refused', 'released', 'cancelled'))
);

create table held_items (
    order_id text not null,
    item_id text not null references items (item_id),
    quantity integer not null check (quantity > 0),
    primary key (order_id, item_id)
);
