create table heard (position integer primary key, what text not null);
