create table reserved (trip_id text not null primary key);
