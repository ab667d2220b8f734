-- A semantic lock: since when a saga cancels the order. As long as one does, nobody is shown the order
-- as confirmed.
alter table orders add column cancelling_since text;

create view orders_now as
select
    order_id, user_id, lines, pieces, total_cents,
    case when cancelling_since is null then status else 'cancelling' end as status
from orders;
