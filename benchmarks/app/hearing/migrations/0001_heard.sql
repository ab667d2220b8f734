create table heard (account_id integer primary key, count integer not null);
with recursive ids (account_id) as (select 0 union all select account_id + 1 from ids where account_id < 63)
insert into heard (account_id, count) select account_id, 0 from ids;
