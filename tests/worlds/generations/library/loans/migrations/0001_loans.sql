create table loans (loan_id text not null, book text not null unique);
