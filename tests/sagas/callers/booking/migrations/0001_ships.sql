create table ships (name text not null, state text not null);
