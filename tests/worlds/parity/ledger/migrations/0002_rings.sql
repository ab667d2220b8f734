create table rings (ring_id text primary key, account text not null);
