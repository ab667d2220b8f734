create table kept (kept_id text primary key, account text not null);
