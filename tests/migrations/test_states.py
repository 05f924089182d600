"""A copy that is read after each file, as little as can be, is as it is when all of it is read."""

import pytest

from tests.fix_server import fresh
from validate_schema.migrations.run.states import States
from validate_schema.scratch import Server

SCHEMA = """
create type mood as enum ('calm');
create domain short as varchar(5);
create function one() returns int language sql as 'select 1';
create sequence numbers;
create table org (id int primary key, code text unique);
create table item (
    id int primary key default nextval('numbers'), org int references org, mood mood, name short, n int default one()
);
create table part (d int not null) partition by list (d);
create table part_1 partition of part for values in (1);
create table parent (a int);
create table child (b int) inherits (parent);
create index item_n on item (n);
create view shown as select id from item;
"""
CHANGES = (
    "select 1",
    "insert into org values (1)",
    "alter table item add column more text not null default 'x'",
    "alter table item add constraint positive check (n > 0) not valid",
    "alter table item validate constraint positive",
    "alter table item drop constraint positive",
    "alter table item alter column n type bigint",
    "alter table item alter column n set default 2",
    "alter table item alter column n set not null",
    "create table fresh (id serial primary key, item int references item)",
    "alter table fresh add column code text references org (code)",
    "alter table org rename column code to label",
    "alter table org rename to club",
    "alter index item_n rename to item_m",
    "create unique index on item (n, org)",
    "drop index item_m",
    "alter type mood rename to temper",
    "alter type temper add value 'wild'",
    "alter domain short rename to brief",
    "alter function one() rename to uno",
    "alter sequence numbers rename to counted",
    "alter table part_1 rename to part_one",
    "create table part_2 partition of part for values in (2)",
    "alter table part detach partition part_2",
    "alter table parent add column c int",
    "alter table child no inherit parent",
    "drop view shown",
    "create schema s; alter table child set schema s",
    "alter schema s rename to t",
    "alter table t.child drop column b; alter table t.child add column b text",
    "drop table fresh",
    "create materialized view kept as select 1 as a",
    "alter table item drop column org, drop column mood",
    "drop table item cascade; create table item (id int)",
)


@pytest.mark.every_server
def test_what_is_read_after_each_change_is_what_there_is(any_server: Server) -> None:
    with fresh(any_server) as database, database.connect(autocommit=True) as changing:
        changing.execute(SCHEMA.encode())
        with database.connect(autocommit=True, prepare_threshold=0) as reader:
            states = States(reader, "public")
            for change in CHANGES:
                before = states.read()
                changing.execute(change.encode())
                after, whole = states.read(), States(reader, "public").read()
                assert after == whole, change
                assert (after is before) == (change in CHANGES[:2]), change
