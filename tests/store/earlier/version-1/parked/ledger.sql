BEGIN TRANSACTION;
CREATE TABLE entries (number integer primary key, text text not null) strict;
INSERT INTO "entries" VALUES(1,'tea 100');
INSERT INTO "entries" VALUES(2,'milk 102');
INSERT INTO "entries" VALUES(3,'echo tea 100');
INSERT INTO "entries" VALUES(4,'echo milk 102');
INSERT INTO "entries" VALUES(5,'sent for tea 100');
INSERT INTO "entries" VALUES(6,'sent for milk 102');
CREATE TABLE forbidden (article text primary key) strict;
INSERT INTO "forbidden" VALUES('cigars');
CREATE TABLE outgrow_cursor (
    consumer text not null,
    source text not null,
    position integer not null,
    primary key (consumer, source)
) strict, without rowid;
INSERT INTO "outgrow_cursor" VALUES('ledger -> ledger','ledger',4);
INSERT INTO "outgrow_cursor" VALUES('ledger.echo','ledger',4);
INSERT INTO "outgrow_cursor" VALUES('ledger.enter','till',4);
CREATE TABLE outgrow_highwater (
    consumer text not null,
    source text not null,
    partition integer not null,
    position integer not null,
    primary key (consumer, source, partition)
) strict, without rowid;
INSERT INTO "outgrow_highwater" VALUES('ledger.echo','ledger',16,3);
INSERT INTO "outgrow_highwater" VALUES('ledger.echo','ledger',28,1);
INSERT INTO "outgrow_highwater" VALUES('ledger.enter','till',18,1);
INSERT INTO "outgrow_highwater" VALUES('ledger.enter','till',20,4);
INSERT INTO "outgrow_highwater" VALUES('ledger.enter','till',22,3);
CREATE TABLE outgrow_inbox (
    position integer primary key,
    method text not null,
    caller text not null,
    key text not null,
    arguments_hash text not null,
    state text not null,
    reply text not null,
    expires_at text not null,
    unique (method, caller, key)
) strict;
INSERT INTO "outgrow_inbox" VALUES(1,'ledger.forbid','system:outgrow','01a2087b-3cd9-762b-adea-6e115b8b4f38','928e552bb1f307fc3d10bf892d6d6056c241da3f1e2eb97583b6d3ae5098889d','reply','null','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(2,'ledger.note','system:outgrow','01a2087b-3cdc-7da6-813c-96037d0888ca','b4711d98ea063ee5abcbd4c2cd5abf624fabae4f241de1742056d0e143880c48','reply','null','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(3,'ledger.note','system:outgrow','01a2087b-3cde-7add-919e-ddce8450c414','535da8debc38fea00dd3d5a0eb83ba49822fcab5842a65eee2e90d8ca7a88a46','reply','null','2030-01-02T00:00:00.000000Z');
CREATE TABLE outgrow_journal (
    position integer primary key autoincrement,
    id text not null,
    stream text,
    version integer,
    kind text not null,
    type text not null,
    schema integer not null,
    destination text,
    key text,
    partition integer not null,
    cause text,
    correlation_id text not null,
    trace text not null,
    caller text not null,
    tenant text,
    recorded_at text not null,
    body text not null
) strict;
INSERT INTO "outgrow_journal" VALUES(1,'01a2087b-3cdc-7670-9321-41dee87e0b31',NULL,NULL,'event','ledger.Entered',1,NULL,NULL,28,'01a2087b-3cda-73ee-9a75-eb47532e0994/ledger.enter','01a2087b-3cda-73ae-896d-5bc9600557ce','00-b6afb42e624e07eaa1ee6714a9fa2d38-44f0bf04806950f0-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"tea 100"}');
INSERT INTO "outgrow_journal" VALUES(2,'01a2087b-3cdc-7da6-813c-96037d0888ca',NULL,NULL,'command','ledger.note',1,'ledger',NULL,1,'01a2087b-3cda-73ee-9a75-eb47532e0994/ledger.enter','01a2087b-3cda-73ae-896d-5bc9600557ce','00-b6afb42e624e07eaa1ee6714a9fa2d38-44f0bf04806950f0-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"sent for tea 100"}');
INSERT INTO "outgrow_journal" VALUES(3,'01a2087b-3cde-778b-9d2e-7fea8d44cf8c',NULL,NULL,'event','ledger.Entered',1,NULL,NULL,16,'01a2087b-3cdc-7830-91e2-70ca9f4af703/ledger.enter','01a2087b-3cdc-70d1-88d5-e7d7414f055e','00-7b49d621762a93f1ccd160400fbc4f1f-44f0bf04806950f2-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"milk 102"}');
INSERT INTO "outgrow_journal" VALUES(4,'01a2087b-3cde-7add-919e-ddce8450c414',NULL,NULL,'command','ledger.note',1,'ledger',NULL,8,'01a2087b-3cdc-7830-91e2-70ca9f4af703/ledger.enter','01a2087b-3cdc-70d1-88d5-e7d7414f055e','00-7b49d621762a93f1ccd160400fbc4f1f-44f0bf04806950f2-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"sent for milk 102"}');
CREATE TABLE outgrow_meta (name text primary key, value text not null) strict;
INSERT INTO "outgrow_meta" VALUES('format','1');
INSERT INTO "outgrow_meta" VALUES('application','kiosk');
INSERT INTO "outgrow_meta" VALUES('service','ledger');
INSERT INTO "outgrow_meta" VALUES('schema:journal','1');
CREATE TABLE outgrow_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at text not null
) strict;
INSERT INTO "outgrow_migrations" VALUES(1,'0001_entries.sql','7be91b7ec2dda49b15672f394e42bb1c4aeff21cf1b8ba322113ef20ac27c7c9','2030-01-01T00:00:00.000000+00:00');
CREATE TABLE outgrow_waiting (
    consumer text not null,
    source text not null,
    key text not null,
    position integer not null,
    state text not null,
    attempts integer not null,
    due_at text,
    error text,
    waiting_since text not null,
    message text not null,
    primary key (consumer, source, key, position)
) strict, without rowid;
INSERT INTO "outgrow_waiting" VALUES('ledger.enter','till','cigars',2,'parked',8,NULL,'builtins.RuntimeError: cigars is forbidden','2030-01-01T00:00:00.000000Z','{"position":2,"id":"01a2087b-3cdb-76c1-b2de-b5d285343c1a","kind":"event","type":"till.Sold","schema":1,"destination":null,"key":"cigars","partition":20,"cause":"key-1","correlation_id":"01a2087b-3cdb-7b33-8ce2-2a9f69602b73","trace":"00-8434000f7eaaab7770dc9929c0cf2674-44f0bf04806950ed-01","caller":"{\"kind\":\"system\",\"subject\":\"outgrow\",\"permissions\":[\"*\"],\"tenant\":null}","tenant":null,"recorded_at":"2030-01-01T00:00:00.000000Z","body":"{\"article\":\"cigars\",\"cents\":101}"}');
INSERT INTO "outgrow_waiting" VALUES('ledger.enter','till','cigars',4,'queued',0,NULL,NULL,'2030-01-01T00:01:03.500000Z','{"position":4,"id":"01a2087b-3ce8-7013-8cc7-57ca4f1e3c37","kind":"event","type":"till.Sold","schema":1,"destination":null,"key":"cigars","partition":20,"cause":"key-3","correlation_id":"01a2087b-3ce8-7976-8405-650143d3683a","trace":"00-5472bd71cda98001062646fbe8cf3674-44f0bf04806950ff-01","caller":"{\"kind\":\"system\",\"subject\":\"outgrow\",\"permissions\":[\"*\"],\"tenant\":null}","tenant":null,"recorded_at":"2030-01-01T00:01:03.500000Z","body":"{\"article\":\"cigars\",\"cents\":104}"}');
CREATE UNIQUE INDEX outgrow_journal_stream
    on outgrow_journal (stream, version) where version is not null;
CREATE INDEX outgrow_journal_commands
    on outgrow_journal (destination, position) where kind = 'command';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outgrow_journal',4);
COMMIT;
