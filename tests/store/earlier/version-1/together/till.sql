BEGIN TRANSACTION;
CREATE TABLE outgrow_cursor (
    consumer text not null,
    source text not null,
    position integer not null,
    primary key (consumer, source)
) strict, without rowid;
CREATE TABLE outgrow_highwater (
    consumer text not null,
    source text not null,
    partition integer not null,
    position integer not null,
    primary key (consumer, source, partition)
) strict, without rowid;
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
INSERT INTO "outgrow_inbox" VALUES(1,'till.sell','system:outgrow','key-0','9af91634242490610910700e373d06d99f00bed23b5511f71f0a0633b23005d5','reply','1','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(2,'till.sell','system:outgrow','key-1','77675a6274489570e3709bf53bae2fb91d25fb35aa1faf4ee30059c8dfbe6a98','reply','2','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(3,'till.sell','system:outgrow','key-2','4d91b207d4505a78d94f8ae3cb422d1c763189876ba9a0aa706f421b93b72d2c','reply','3','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(4,'till.sell','system:outgrow','key-3','1876144b1cbf299a52d1f68626a29cc286e6530ef558a994456d30598a169d17','reply','4','2030-01-02T00:00:00.000000Z');
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
INSERT INTO "outgrow_journal" VALUES(1,'01a2087b-3cab-7682-a1b5-3dd62b227fb1',NULL,NULL,'event','till.Sold',1,NULL,'tea',18,'key-0','01a2087b-3caa-7c09-a8b1-8aea74723026','00-58d1bea97ed8d5cbff52fe1e2c7d0ee4-44f0bf04806950d3-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"article":"tea","cents":100}');
INSERT INTO "outgrow_journal" VALUES(2,'01a2087b-3cac-7f0c-b815-0ca5bbe2d1d2',NULL,NULL,'event','till.Sold',1,NULL,'cigars',20,'key-1','01a2087b-3cac-7b1a-b11a-54f5996c3245','00-ee39b7bf1a69df6576ae9f4ee742e5ea-44f0bf04806950d5-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"article":"cigars","cents":101}');
INSERT INTO "outgrow_journal" VALUES(3,'01a2087b-3cac-7870-988e-8ef6f6170651',NULL,NULL,'event','till.Sold',1,NULL,'milk',22,'key-2','01a2087b-3cac-76c5-88eb-a47376d62840','00-5d0f20dcf4f1c2ae1a488cec3bfb0589-44f0bf04806950d7-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"article":"milk","cents":102}');
INSERT INTO "outgrow_journal" VALUES(4,'01a2087b-3cb5-7172-90e2-cee537b8b42b',NULL,NULL,'event','till.Sold',1,NULL,'cigars',20,'key-3','01a2087b-3cb5-700d-8bc9-ca23833ebc38','00-a7ed3e9001e470aa1dad95bbf0796512-44f0bf04806950e2-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"article":"cigars","cents":104}');
INSERT INTO "outgrow_journal" VALUES(5,'01a2087b-3cc4-776c-817b-fb9ec6b6d4b4',NULL,NULL,'event','till.Sold',1,NULL,'bread',11,NULL,'01a2087b-3cc4-7b86-aad5-bc2e1973f3db','00-d2872b45b2fae66eb1e943a9a1bd681b-44f0bf04806950e6-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"article":"bread","cents":200}');
INSERT INTO "outgrow_journal" VALUES(6,'01a2087b-3cc5-7da9-885e-6e46169f1993',NULL,NULL,'event','till.Sold',1,NULL,'tea',18,NULL,'01a2087b-3cc5-7402-8097-b3ef5c3fd5ae','00-430b4aca305e71441055915c9cc15e24-44f0bf04806950e7-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"article":"tea","cents":201}');
CREATE TABLE outgrow_meta (name text primary key, value text not null) strict;
INSERT INTO "outgrow_meta" VALUES('format','1');
INSERT INTO "outgrow_meta" VALUES('application','kiosk');
INSERT INTO "outgrow_meta" VALUES('service','till');
INSERT INTO "outgrow_meta" VALUES('schema:journal','1');
CREATE TABLE outgrow_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at text not null
) strict;
INSERT INTO "outgrow_migrations" VALUES(1,'0001_sales.sql','f5837bc5f0ca120dc8bb9e74c196589ce6f5e89e1637071e906462b80a5f6c52','2030-01-01T00:00:00.000000+00:00');
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
CREATE TABLE sales (number integer primary key, article text not null, cents integer not null) strict;
INSERT INTO "sales" VALUES(1,'tea',100);
INSERT INTO "sales" VALUES(2,'cigars',101);
INSERT INTO "sales" VALUES(3,'milk',102);
INSERT INTO "sales" VALUES(4,'cigars',104);
INSERT INTO "sales" VALUES(5,'bread',200);
INSERT INTO "sales" VALUES(6,'tea',201);
CREATE UNIQUE INDEX outgrow_journal_stream
    on outgrow_journal (stream, version) where version is not null;
CREATE INDEX outgrow_journal_commands
    on outgrow_journal (destination, position) where kind = 'command';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outgrow_journal',6);
COMMIT;
