create table sales (number integer primary key, article text not null, cents integer not null) strict;
