-- The functions of pgmq that migrations and the bodies of functions call, from its documentation ("API"): a
-- queue is a table, and so is its archive. Polling does not wait, and partitioned queues have no partitions.

create table meta (
    queue_name varchar unique not null,
    is_partitioned boolean not null,
    is_unlogged boolean not null,
    created_at timestamptz not null default now()
);
create type message_record as (
    msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb
);
create type queue_record as (
    queue_name varchar, is_partitioned boolean, is_unlogged boolean, created_at timestamptz
);
create type metrics_result as (
    queue_name text, queue_length bigint, newest_msg_age_sec integer, oldest_msg_age_sec integer,
    total_messages bigint, scrape_time timestamptz, queue_visible_length bigint
);

create function format_table_name(queue_name text, prefix text) returns text language sql immutable as $$
    select lower(prefix || '_' || queue_name)
$$;

create function pgmq.create_non_partitioned(queue_name text) returns void language plpgsql as $$
declare
    queue text := pgmq.format_table_name(queue_name, 'q');
    archive text := pgmq.format_table_name(queue_name, 'a');
begin
    execute format(
        'create table if not exists pgmq.%I (msg_id bigint primary key generated always as identity,'
        ' read_ct integer not null default 0, enqueued_at timestamptz not null default now(),'
        ' vt timestamptz not null, message jsonb, headers jsonb)', queue);
    execute format(
        'create table if not exists pgmq.%I (msg_id bigint primary key, read_ct integer not null default 0,'
        ' enqueued_at timestamptz not null default now(), archived_at timestamptz not null default now(),'
        ' vt timestamptz not null, message jsonb, headers jsonb)', archive);
    insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values ($1, false, false)
    on conflict do nothing;
end
$$;
create function pgmq.create(queue_name text) returns void language sql as $$
    select pgmq.create_non_partitioned(queue_name)
$$;
create function pgmq.create_unlogged(queue_name text) returns void language sql as $$
    select pgmq.create_non_partitioned(queue_name)
$$;
create function pgmq.create_partitioned(
    queue_name text, partition_interval text default '10000', retention_interval text default '100000'
) returns void language sql as $$
    select pgmq.create_non_partitioned(queue_name)
$$;
create function drop_queue(queue_name text) returns boolean language plpgsql as $$
begin
    execute format('drop table if exists pgmq.%I', pgmq.format_table_name(queue_name, 'q'));
    execute format('drop table if exists pgmq.%I', pgmq.format_table_name(queue_name, 'a'));
    delete from pgmq.meta m where m.queue_name = $1;
    return found;
end
$$;
create function drop_queue(queue_name text, partitioned boolean) returns boolean language sql as $$
    select pgmq.drop_queue(queue_name)
$$;
create function list_queues() returns setof queue_record language sql as $$
    select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta
$$;
create function purge_queue(queue_name text) returns bigint language plpgsql as $$
declare
    gone bigint;
begin
    execute format('delete from pgmq.%I', pgmq.format_table_name(queue_name, 'q'));
    get diagnostics gone = row_count;
    return gone;
end
$$;

create function send(queue_name text, msg jsonb, headers jsonb, delay timestamptz)
returns setof bigint language plpgsql as $$
begin
    return query execute format(
        'insert into pgmq.%I (vt, message, headers) values ($1, $2, $3) returning msg_id',
        pgmq.format_table_name(queue_name, 'q')) using delay, msg, headers;
end
$$;
create function send(queue_name text, msg jsonb) returns setof bigint language sql as $$
    select pgmq.send(queue_name, msg, null, clock_timestamp())
$$;
create function send(queue_name text, msg jsonb, delay integer) returns setof bigint language sql as $$
    select pgmq.send(queue_name, msg, null, clock_timestamp() + make_interval(secs => delay))
$$;
create function send(queue_name text, msg jsonb, delay timestamptz) returns setof bigint language sql as $$
    select pgmq.send(queue_name, msg, null, delay)
$$;
create function send(queue_name text, msg jsonb, headers jsonb) returns setof bigint language sql as $$
    select pgmq.send(queue_name, msg, headers, clock_timestamp())
$$;
create function send(queue_name text, msg jsonb, headers jsonb, delay integer)
returns setof bigint language sql as $$
    select pgmq.send(queue_name, msg, headers, clock_timestamp() + make_interval(secs => delay))
$$;
create function send_batch(queue_name text, msgs jsonb[]) returns setof bigint language sql as $$
    select pgmq.send(queue_name, m) from unnest(msgs) m
$$;
create function send_batch(queue_name text, msgs jsonb[], delay integer) returns setof bigint language sql as $$
    select pgmq.send(queue_name, m, delay) from unnest(msgs) m
$$;

create function read(queue_name text, vt integer, qty integer, conditional jsonb default '{}')
returns setof message_record language plpgsql as $$
begin
    return query execute format(
        'update pgmq.%1$I q set vt = clock_timestamp() + make_interval(secs => $1), read_ct = read_ct + 1'
        ' where q.msg_id in (select i.msg_id from pgmq.%1$I i where i.vt <= clock_timestamp()'
        ' and i.message @> $3 order by i.msg_id limit $2)'
        ' returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers',
        pgmq.format_table_name(queue_name, 'q')) using vt, qty, conditional;
end
$$;
create function read_with_poll(
    queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
    poll_interval_ms integer default 100, conditional jsonb default '{}'
) returns setof message_record language sql as $$
    select * from pgmq.read(queue_name, vt, qty, conditional)
$$;
create function set_vt(queue_name text, msg_id bigint, vt integer)
returns setof message_record language plpgsql as $$
begin
    return query execute format(
        'update pgmq.%I q set vt = clock_timestamp() + make_interval(secs => $1) where q.msg_id = $2'
        ' returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers',
        pgmq.format_table_name(queue_name, 'q')) using vt, msg_id;
end
$$;
create function pop(queue_name text) returns setof message_record language plpgsql as $$
begin
    return query execute format(
        'delete from pgmq.%1$I q where q.msg_id = (select i.msg_id from pgmq.%1$I i'
        ' where i.vt <= clock_timestamp() order by i.msg_id limit 1)'
        ' returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers',
        pgmq.format_table_name(queue_name, 'q'));
end
$$;
create function delete(queue_name text, msg_ids bigint[]) returns setof bigint language plpgsql as $$
begin
    return query execute format(
        'delete from pgmq.%I where msg_id = any ($1) returning msg_id',
        pgmq.format_table_name(queue_name, 'q')) using msg_ids;
end
$$;
create function delete(queue_name text, msg_id bigint) returns boolean language sql as $$
    select count(*) > 0 from pgmq.delete(queue_name, array[msg_id])
$$;
create function archive(queue_name text, msg_ids bigint[]) returns setof bigint language plpgsql as $$
begin
    return query execute format(
        'with gone as (delete from pgmq.%I where msg_id = any ($1)'
        ' returning msg_id, read_ct, enqueued_at, vt, message, headers)'
        ' insert into pgmq.%I (msg_id, read_ct, enqueued_at, vt, message, headers)'
        ' select * from gone returning msg_id',
        pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')) using msg_ids;
end
$$;
create function archive(queue_name text, msg_id bigint) returns boolean language sql as $$
    select count(*) > 0 from pgmq.archive(queue_name, array[msg_id])
$$;
create function metrics(queue_name text) returns metrics_result language plpgsql as $$
declare
    found pgmq.metrics_result;
begin
    execute format(
        'select $1, count(*), extract(epoch from now() - max(enqueued_at))::integer,'
        ' extract(epoch from now() - min(enqueued_at))::integer, coalesce(max(msg_id), 0), now(),'
        ' count(*) filter (where vt <= now()) from pgmq.%I', pgmq.format_table_name(queue_name, 'q'))
    into found using queue_name;
    return found;
end
$$;
create function metrics_all() returns setof metrics_result language sql as $$
    select m.* from pgmq.meta q, pgmq.metrics(q.queue_name) m
$$;
