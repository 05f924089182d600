-- The functions of uuid-ossp, from what PostgreSQL 18 has built in. The node of a version 1 UUID is a
-- random multicast address (RFC 9562, 6.10) instead of the machine's.

create function uuid_nil() returns uuid language sql immutable strict parallel safe
    return '00000000-0000-0000-0000-000000000000'::uuid;
create function uuid_ns_dns() returns uuid language sql immutable strict parallel safe
    return '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_ns_url() returns uuid language sql immutable strict parallel safe
    return '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_ns_oid() returns uuid language sql immutable strict parallel safe
    return '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_ns_x500() returns uuid language sql immutable strict parallel safe
    return '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::uuid;

create function uuid_generate_v4() returns uuid language sql volatile strict parallel safe
    return gen_random_uuid();

-- Ticks of 100 ns since 1582-10-15, low part first; clock sequence and node are random.
create function uuid_generate_v1mc() returns uuid language sql volatile strict parallel safe begin atomic
    select (substr(ticks, 9, 8) || substr(ticks, 5, 4) || '1' || substr(ticks, 2, 3)
            || substr(noise, 17, 4) || encode(set_bit(decode(substr(noise, 21, 12), 'hex'), 0, 1), 'hex'))::uuid
    from (select lpad(to_hex((extract(epoch from clock_timestamp()) * 10000000)::bigint
                             + 122192928000000000 + floor(random() * 10)::bigint), 16, '0') as ticks,
                 replace(gen_random_uuid()::text, '-', '') as noise) as made;
end;
create function uuid_generate_v1() returns uuid language sql volatile strict parallel safe
    return uuid_generate_v1mc();

-- Make a UUID of the first 16 bytes of a hash (RFC 9562, 5.3 and 5.5).
create function uuid_ossp_of_hash(hash bytea, version integer) returns uuid
    language sql immutable strict parallel safe
    return encode(set_byte(set_byte(substr(hash, 1, 16), 6, (get_byte(hash, 6) & 15) | (version << 4)),
                           8, (get_byte(hash, 8) & 63) | 128), 'hex')::uuid;

create function uuid_generate_v3(namespace uuid, name text) returns uuid
    language sql immutable strict parallel safe
    return uuid_ossp_of_hash(decode(md5(uuid_send(namespace) || convert_to(name, 'UTF8')), 'hex'), 3);

-- SHA-1 (FIPS 180-4, 6.1.2), which PostgreSQL has no function for.
create function uuid_ossp_sha1(data bytea) returns bytea language plpgsql immutable strict parallel safe as $$
declare
    mask constant bigint := 4294967295;
    padded constant bytea := data || '\x80'::bytea
        || decode(repeat('00', (119 - length(data) % 64) % 64), 'hex') || int8send(8 * length(data)::bigint);
    w bigint[] := array_fill(0::bigint, array[80], array[0]);
    h bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; x bigint;
begin
    for block in 0 .. length(padded) / 64 - 1 loop
        for t in 0 .. 79 loop
            if t < 16 then
                w[t] := ('x' || encode(substr(padded, block * 64 + t * 4 + 1, 4), 'hex'))::bit(32)::bigint;
            else
                x := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
                w[t] := ((x << 1) | (x >> 31)) & mask;
            end if;
        end loop;
        a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
        for t in 0 .. 79 loop
            f := case
                when t < 20 then ((b & c) | ((~b) & mask & d)) + 1518500249
                when t < 40 then (b # c # d) + 1859775393
                when t < 60 then ((b & c) | (b & d) | (c & d)) + 2400959708
                else (b # c # d) + 3395469782
            end;
            x := ((((a << 5) | (a >> 27)) & mask) + f + e + w[t]) & mask;
            e := d; d := c; c := ((b << 30) | (b >> 2)) & mask; b := a; a := x;
        end loop;
        h := array[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
    end loop;
    return (select string_agg(substr(int8send(part), 5), '' order by n) from unnest(h) with ordinality u(part, n));
end
$$;

create function uuid_generate_v5(namespace uuid, name text) returns uuid
    language sql immutable strict parallel safe
    return uuid_ossp_of_hash(uuid_ossp_sha1(uuid_send(namespace) || convert_to(name, 'UTF8')), 5);
