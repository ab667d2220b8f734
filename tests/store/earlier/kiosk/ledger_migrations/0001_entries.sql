create table entries (number integer primary key, text text not null) strict;
create table forbidden (article text primary key) strict;
