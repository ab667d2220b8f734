create table item (place integer primary key autoincrement, name text not null, value integer not null);
create table noted (place integer primary key autoincrement, name text not null, value integer not null);
create table confirmed (place integer primary key autoincrement, name text not null, value integer not null);
