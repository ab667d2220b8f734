create table moves (number integer primary key, what text not null);
