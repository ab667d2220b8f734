create table copied (place integer primary key autoincrement, name text not null, value integer not null);
