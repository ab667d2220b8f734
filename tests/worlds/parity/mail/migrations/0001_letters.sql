create table letters (letter_id text primary key, account text not null, text text not null, seen text not null);
create table heard (heard_id integer primary key autoincrement, account text not null, cents integer not null);
create table chained (chained_id text primary key, account text not null);
