BEGIN TRANSACTION;
CREATE TABLE entries (number integer primary key, text text not null) strict;
INSERT INTO "entries" VALUES(1,'tea 100');
INSERT INTO "entries" VALUES(2,'cigars 101');
INSERT INTO "entries" VALUES(3,'milk 102');
INSERT INTO "entries" VALUES(4,'echo tea 100');
INSERT INTO "entries" VALUES(5,'echo cigars 101');
INSERT INTO "entries" VALUES(6,'echo milk 102');
INSERT INTO "entries" VALUES(7,'sent for tea 100');
INSERT INTO "entries" VALUES(8,'sent for cigars 101');
INSERT INTO "entries" VALUES(9,'sent for milk 102');
INSERT INTO "entries" VALUES(10,'cigars 104');
INSERT INTO "entries" VALUES(11,'echo cigars 104');
INSERT INTO "entries" VALUES(12,'sent for cigars 104');
CREATE TABLE forbidden (article text primary key) strict;
CREATE TABLE outgrow_cursor (
    consumer text not null,
    source text not null,
    position integer not null,
    primary key (consumer, source)
) strict, without rowid;
INSERT INTO "outgrow_cursor" VALUES('ledger -> ledger','ledger',8);
INSERT INTO "outgrow_cursor" VALUES('ledger.echo','ledger',8);
INSERT INTO "outgrow_cursor" VALUES('ledger.enter','till',4);
CREATE TABLE outgrow_highwater (
    consumer text not null,
    source text not null,
    partition integer not null,
    position integer not null,
    primary key (consumer, source, partition)
) strict, without rowid;
INSERT INTO "outgrow_highwater" VALUES('ledger.echo','ledger',2,1);
INSERT INTO "outgrow_highwater" VALUES('ledger.echo','ledger',13,5);
INSERT INTO "outgrow_highwater" VALUES('ledger.echo','ledger',17,7);
INSERT INTO "outgrow_highwater" VALUES('ledger.echo','ledger',26,3);
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
INSERT INTO "outgrow_inbox" VALUES(1,'ledger.note','system:outgrow','01a2087b-3cb0-7be6-847a-d1ca157dc1db','b4711d98ea063ee5abcbd4c2cd5abf624fabae4f241de1742056d0e143880c48','reply','null','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(2,'ledger.note','system:outgrow','01a2087b-3cb1-785d-8672-105a98531da0','453488d65c9bf665033dc2b21fb2f55b79087b64cfb4f1076f718b4463b1fc3c','reply','null','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(3,'ledger.note','system:outgrow','01a2087b-3cb1-7a18-bf12-66f2ec627506','535da8debc38fea00dd3d5a0eb83ba49822fcab5842a65eee2e90d8ca7a88a46','reply','null','2030-01-02T00:00:00.000000Z');
INSERT INTO "outgrow_inbox" VALUES(4,'ledger.note','system:outgrow','01a2087b-3cb6-794b-a0b3-2c5ba10883b6','0db40779e0826e2fdc62fb44c179c7a316cee7049de28707809f9237a9d3c383','reply','null','2030-01-02T00:00:00.000000Z');
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
INSERT INTO "outgrow_journal" VALUES(1,'01a2087b-3cb0-7eaa-8e81-947fffeb7f3e',NULL,NULL,'event','ledger.Entered',1,NULL,NULL,2,'01a2087b-3cab-7682-a1b5-3dd62b227fb1/ledger.enter','01a2087b-3caa-7c09-a8b1-8aea74723026','00-58d1bea97ed8d5cbff52fe1e2c7d0ee4-44f0bf04806950d8-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"tea 100"}');
INSERT INTO "outgrow_journal" VALUES(2,'01a2087b-3cb0-7be6-847a-d1ca157dc1db',NULL,NULL,'command','ledger.note',1,'ledger',NULL,29,'01a2087b-3cab-7682-a1b5-3dd62b227fb1/ledger.enter','01a2087b-3caa-7c09-a8b1-8aea74723026','00-58d1bea97ed8d5cbff52fe1e2c7d0ee4-44f0bf04806950d8-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"sent for tea 100"}');
INSERT INTO "outgrow_journal" VALUES(3,'01a2087b-3cb1-76d1-8853-2a43f7e18d62',NULL,NULL,'event','ledger.Entered',1,NULL,NULL,26,'01a2087b-3cac-7f0c-b815-0ca5bbe2d1d2/ledger.enter','01a2087b-3cac-7b1a-b11a-54f5996c3245','00-ee39b7bf1a69df6576ae9f4ee742e5ea-44f0bf04806950d9-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"cigars 101"}');
INSERT INTO "outgrow_journal" VALUES(4,'01a2087b-3cb1-785d-8672-105a98531da0',NULL,NULL,'command','ledger.note',1,'ledger',NULL,16,'01a2087b-3cac-7f0c-b815-0ca5bbe2d1d2/ledger.enter','01a2087b-3cac-7b1a-b11a-54f5996c3245','00-ee39b7bf1a69df6576ae9f4ee742e5ea-44f0bf04806950d9-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"sent for cigars 101"}');
INSERT INTO "outgrow_journal" VALUES(5,'01a2087b-3cb1-7d6e-9127-7d09cab3a251',NULL,NULL,'event','ledger.Entered',1,NULL,NULL,13,'01a2087b-3cac-7870-988e-8ef6f6170651/ledger.enter','01a2087b-3cac-76c5-88eb-a47376d62840','00-5d0f20dcf4f1c2ae1a488cec3bfb0589-44f0bf04806950da-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"milk 102"}');
INSERT INTO "outgrow_journal" VALUES(6,'01a2087b-3cb1-7a18-bf12-66f2ec627506',NULL,NULL,'command','ledger.note',1,'ledger',NULL,10,'01a2087b-3cac-7870-988e-8ef6f6170651/ledger.enter','01a2087b-3cac-76c5-88eb-a47376d62840','00-5d0f20dcf4f1c2ae1a488cec3bfb0589-44f0bf04806950da-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"sent for milk 102"}');
INSERT INTO "outgrow_journal" VALUES(7,'01a2087b-3cb6-7e43-aebe-7e132e22c28a',NULL,NULL,'event','ledger.Entered',1,NULL,NULL,17,'01a2087b-3cb5-7172-90e2-cee537b8b42b/ledger.enter','01a2087b-3cb5-700d-8bc9-ca23833ebc38','00-a7ed3e9001e470aa1dad95bbf0796512-44f0bf04806950e3-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"cigars 104"}');
INSERT INTO "outgrow_journal" VALUES(8,'01a2087b-3cb6-794b-a0b3-2c5ba10883b6',NULL,NULL,'command','ledger.note',1,'ledger',NULL,8,'01a2087b-3cb5-7172-90e2-cee537b8b42b/ledger.enter','01a2087b-3cb5-700d-8bc9-ca23833ebc38','00-a7ed3e9001e470aa1dad95bbf0796512-44f0bf04806950e3-01','{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}',NULL,'2030-01-01T00:00:00.000000Z','{"text":"sent for cigars 104"}');
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
CREATE UNIQUE INDEX outgrow_journal_stream
    on outgrow_journal (stream, version) where version is not null;
CREATE INDEX outgrow_journal_commands
    on outgrow_journal (destination, position) where kind = 'command';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outgrow_journal',8);
COMMIT;
