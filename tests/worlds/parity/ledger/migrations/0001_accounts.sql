create table payments (payment_id text primary key, account text not null, cents integer not null);
create index payments_by_account on payments (account);
create table closed (account text primary key);
create table noted (noted_id text primary key, account text not null);
