create table letters (
    letter_id text not null primary key,
    user_id text not null,
    kind text not null,
    about text not null,
    text text not null
);

create index letters_to_a_user on letters (user_id, letter_id);
