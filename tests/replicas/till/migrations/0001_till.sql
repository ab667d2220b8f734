create table sales (sale_id text primary key, till text not null);
create table sweeps (sweep_id text primary key, pid integer not null);
