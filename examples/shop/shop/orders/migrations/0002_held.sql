-- A semantic lock: which saga cancels a confirmed order, and since when.
alter table orders add column held_by text;
alter table orders add column held_since text;

-- Orders as they are shown: what is being cancelled is not confirmed.
create view orders_now as
select
    order_id, user_id, lines, pieces, total_cents,
    case when held_by is null then status else 'cancelling' end as status
from orders;
