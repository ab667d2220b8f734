"""The tables of this room, as they are in the store of every service. In words: docs/journal.md."""

from __future__ import annotations

from typing import Final

from outgrow.store import Schema

VERSION: Final = 1
"""Grows with every change of the tables; a store of a newer version is refused."""

TABLES: Final = """
create table outgrow_saga (
    id text primary key,
    method text not null,
    version integer not null,
    caller text not null,
    scope text not null,
    key text not null,
    arguments_hash text not null,
    arguments text not null,
    correlation_id text not null,
    trace text not null,
    state text not null,
    is_undoing integer not null,
    due_at text,
    attempts integer not null,
    error text,
    cause text,
    outcome text,
    tags text not null,
    waits_type text,
    waits_key text,
    started_at text not null,
    deadline_at text not null,
    ended_at text,
    holder text not null,
    epoch integer not null,
    unique (method, scope, key)
) strict;
create index outgrow_saga_due on outgrow_saga (due_at) where due_at is not null;
create index outgrow_saga_held on outgrow_saga (holder) where ended_at is null;
create index outgrow_saga_waits
    on outgrow_saga (waits_type, waits_key) where waits_type is not null;
create index outgrow_saga_ended on outgrow_saga (ended_at) where ended_at is not null;
create table outgrow_step (
    saga text not null,
    number integer not null,
    kind text not null,
    name text not null,
    arguments text not null,
    state text not null,
    result text,
    undo text,
    undo_arguments text,
    is_pivot integer not null,
    planned_at text not null,
    primary key (saga, number)
) strict, without rowid;
create table outgrow_heard (
    type text not null,
    key text not null,
    id text not null,
    number integer not null,
    heard_at text not null,
    body text not null,
    primary key (type, key, id)
) strict, without rowid;
create index outgrow_heard_at on outgrow_heard (heard_at);
"""

SCHEMA: Final = Schema("sagas", VERSION, TABLES, {})
"""What the store is opened with."""
