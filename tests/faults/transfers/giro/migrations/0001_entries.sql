create table entry (place integer primary key autoincrement, order_id text not null, what text not null, cents integer not null);
