create table users (
    user_id text not null primary key,
    name text not null,
    renames integer not null default 0
);
