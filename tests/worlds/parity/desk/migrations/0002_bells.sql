create table bells (bell_id text primary key, account text not null, seconds real not null);
create table rung (number integer primary key, account text not null, seconds real not null);
