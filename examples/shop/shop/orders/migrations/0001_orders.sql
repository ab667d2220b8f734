create table orders (
    order_id text not null primary key,
    user_id text not null,
    lines text not null,
    pieces integer not null,
    total_cents integer not null,
    status text not null check (status in ('placed', 'confirmed', 'cancelled'))
);

create index orders_of_a_user on orders (user_id, order_id);

-- Our own copy of what users told.
create table users (
    user_id text not null primary key,
    name text not null
);
