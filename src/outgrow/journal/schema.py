"""The tables of this room, as they are in every service's store. In words: docs/journal.md."""

from __future__ import annotations

from typing import Final

from outgrow.store import Schema

VERSION: Final = 2
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

UPGRADE_TO_2: Final = """
create table outgrow_timer (
    number integer primary key autoincrement,
    id text not null unique,
    name text unique,
    due_at text not null,
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
    set_at text not null,
    body text not null
) strict;
create index outgrow_timer_due on outgrow_timer (due_at, number);
create index outgrow_journal_audits on outgrow_journal (position) where kind = 'audit';
create table outgrow_lease (
    name text primary key,
    holder text not null,
    epoch integer not null,
    expires_at text not null
) strict;
create table outgrow_share (
    consumer text not null,
    source text not null,
    partition integer not null,
    position integer not null,
    primary key (consumer, source, partition)
) strict, without rowid;
create table outgrow_archive (
    number integer primary key,
    first_position integer not null,
    last_position integer not null,
    events integer not null,
    file text not null,
    checksum text not null,
    archived_at text not null,
    deleted_at text
) strict;
"""

UPGRADES: Final = {2: UPGRADE_TO_2}
"""What brings the tables of the version before to each version."""

SCHEMA: Final = Schema("journal", VERSION, TABLES + UPGRADE_TO_2, UPGRADES)
"""What the store is opened with."""

JOURNAL_TABLE: Final = "outgrow_journal"
"""The table that counts the positions."""

HEARD: Final = """
select consumer, max(position) from (
    select consumer, position from outgrow_highwater where source = ?
    union all select consumer, position from outgrow_cursor where source = ?
) as heard group by consumer order by consumer
"""
"""How far each handler of a store has heard another service."""
