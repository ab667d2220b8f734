create table legs (trip_id text not null, leg integer not null, primary key (trip_id, leg));
