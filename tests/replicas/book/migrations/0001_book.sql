create table lines (
    nth bigint generated always as identity primary key,
    till text not null, number integer not null, pid integer not null
);
