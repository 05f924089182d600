-- The functions of pgcrypto. Hashes, HMACs and random bytes are right; whatever needs a cipher or a
-- password hash raises an error rather than return something made up.

create function gen_random_uuid() returns uuid language sql volatile parallel safe
    return pg_catalog.gen_random_uuid();

create function gen_random_bytes(count integer) returns bytea language plpgsql volatile strict parallel safe as $$
declare
    made bytea := '';
begin
    if count < 1 or count > 1024 then
        raise exception 'Length not in range' using errcode = 'external_routine_invocation_exception';
    end if;
    while length(made) < count loop
        made := made || sha256(uuid_send(pg_catalog.gen_random_uuid()) || uuid_send(pg_catalog.gen_random_uuid())
                               || uuid_send(pg_catalog.gen_random_uuid()));
    end loop;
    return substr(made, 1, count);
end
$$;

-- SHA-1 (FIPS 180-4, 6.1.2), which PostgreSQL has no function for.
create function pgcrypto_sha1(data bytea) returns bytea language plpgsql immutable strict parallel safe as $$
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

create function pgcrypto_no_hash(name text) returns bytea language plpgsql immutable parallel safe as $$
begin
    raise exception 'Cannot use "%": No such hash algorithm', name using errcode = 'invalid_parameter_value';
end
$$;

create function digest(data bytea, type text) returns bytea language sql immutable strict parallel safe
    return case lower(type)
        when 'md5' then decode(md5(data), 'hex')
        when 'sha1' then pgcrypto_sha1(data)
        when 'sha224' then sha224(data)
        when 'sha256' then sha256(data)
        when 'sha384' then sha384(data)
        when 'sha512' then sha512(data)
        else pgcrypto_no_hash(type)
    end;
create function digest(data text, type text) returns bytea language sql immutable strict parallel safe
    return digest(convert_to(data, 'UTF8'), type);

-- HMAC (RFC 2104): the key, padded to a block, with every byte xor-ed.
create function pgcrypto_pad(key bytea, block integer, mask integer) returns bytea
    language plpgsql immutable strict parallel safe as $$
declare
    padded bytea := key || decode(repeat('00', block - length(key)), 'hex');
begin
    for i in 0 .. block - 1 loop
        padded := set_byte(padded, i, get_byte(padded, i) # mask);
    end loop;
    return padded;
end
$$;
create function hmac(data bytea, key bytea, type text) returns bytea
    language sql immutable strict parallel safe begin atomic
    select digest(pgcrypto_pad(k, block, 92) || digest(pgcrypto_pad(k, block, 54) || data, type), type)
    from (select case when lower(type) in ('sha384', 'sha512') then 128 else 64 end as block) as size,
         lateral (select case when length(key) > block then digest(key, type) else key end as k) as short;
end;
create function hmac(data text, key text, type text) returns bytea
    language sql immutable strict parallel safe
    return hmac(convert_to(data, 'UTF8'), convert_to(key, 'UTF8'), type);

create function fips_mode() returns boolean language sql volatile strict parallel safe return false;

-- Raises the error of every function below.
create function pgcrypto_missing(name text) returns text language plpgsql as $$
begin
    raise exception '%() is not in the stand-in for pgcrypto', name using errcode = 'feature_not_supported',
        hint = 'Use a scratch server that has pgcrypto: --scratch system, or a URL.';
end
$$;

create function crypt(text, text) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('crypt');
create function gen_salt(text) returns text language sql volatile strict parallel safe
    return pgcrypto_missing('gen_salt');
create function gen_salt(text, integer) returns text language sql volatile strict parallel safe
    return pgcrypto_missing('gen_salt');
create function encrypt(bytea, bytea, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('encrypt')::bytea;
create function decrypt(bytea, bytea, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('decrypt')::bytea;
create function encrypt_iv(bytea, bytea, bytea, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('encrypt_iv')::bytea;
create function decrypt_iv(bytea, bytea, bytea, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('decrypt_iv')::bytea;
create function pgp_sym_encrypt(text, text) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_sym_encrypt')::bytea;
create function pgp_sym_encrypt(text, text, text) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_sym_encrypt')::bytea;
create function pgp_sym_encrypt_bytea(bytea, text) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_sym_encrypt_bytea')::bytea;
create function pgp_sym_encrypt_bytea(bytea, text, text) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_sym_encrypt_bytea')::bytea;
create function pgp_sym_decrypt(bytea, text) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_sym_decrypt');
create function pgp_sym_decrypt(bytea, text, text) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_sym_decrypt');
create function pgp_sym_decrypt_bytea(bytea, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_sym_decrypt_bytea')::bytea;
create function pgp_sym_decrypt_bytea(bytea, text, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_sym_decrypt_bytea')::bytea;
create function pgp_pub_encrypt(text, bytea) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_pub_encrypt')::bytea;
create function pgp_pub_encrypt(text, bytea, text) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_pub_encrypt')::bytea;
create function pgp_pub_encrypt_bytea(bytea, bytea) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_pub_encrypt_bytea')::bytea;
create function pgp_pub_encrypt_bytea(bytea, bytea, text) returns bytea language sql volatile strict parallel safe
    return pgcrypto_missing('pgp_pub_encrypt_bytea')::bytea;
create function pgp_pub_decrypt(bytea, bytea) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_pub_decrypt');
create function pgp_pub_decrypt(bytea, bytea, text) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_pub_decrypt');
create function pgp_pub_decrypt(bytea, bytea, text, text) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_pub_decrypt');
create function pgp_pub_decrypt_bytea(bytea, bytea) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_pub_decrypt_bytea')::bytea;
create function pgp_pub_decrypt_bytea(bytea, bytea, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_pub_decrypt_bytea')::bytea;
create function pgp_pub_decrypt_bytea(bytea, bytea, text, text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_pub_decrypt_bytea')::bytea;
create function pgp_key_id(bytea) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('pgp_key_id');
create function armor(bytea) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('armor');
create function armor(bytea, text[], text[]) returns text language sql immutable strict parallel safe
    return pgcrypto_missing('armor');
create function dearmor(text) returns bytea language sql immutable strict parallel safe
    return pgcrypto_missing('dearmor')::bytea;
create function pgp_armor_headers(text, out key text, out value text) returns setof record
    language sql immutable strict parallel safe begin atomic
    select pgcrypto_missing('pgp_armor_headers'), null::text;
end;
