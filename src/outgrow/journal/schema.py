"""The tables of this room, as they are in every service's store. In words: docs/journal.md."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
"""Grows with every change of the tables; a store of a newer version is refused."""

PARTITIONS: Final = 32
"""Into how many partitions the keys of one journal are divided. Never changes."""

TABLES: Final = """
create table outgrow_journal (
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
create unique index outgrow_journal_stream
    on outgrow_journal (stream, version) where version is not null;
create index outgrow_journal_commands
    on outgrow_journal (destination, position) where kind = 'command';
create table outgrow_inbox (
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
create table outgrow_highwater (
    consumer text not null,
    source text not null,
    partition integer not null,
    position integer not null,
    primary key (consumer, source, partition)
) strict, without rowid;
create table outgrow_cursor (
    consumer text not null,
    source text not null,
    position integer not null,
    primary key (consumer, source)
) strict, without rowid;
create table outgrow_waiting (
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
"""

SCHEMA: Final = ("journal", VERSION, TABLES)
"""What the store is opened with."""
