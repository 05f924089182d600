"""Stand-ins for extensions that a scratch server lacks."""

import pytest

from tests.fix_server import MATRIX, Opener, fresh
from validate_schema.model.errors import ScratchError
from validate_schema.scratch import Database, Server, open_server

TEXTS = "unnest(array['', 'abc', repeat('ä', 77), repeat('x', 55), repeat('x', 56), repeat('x', 64), repeat('x', 119)]) x"
HASHES = f"""select a, x, k, digest(x, a), hmac(x, k, a)
    from unnest(array['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'SHA1']) a,
         unnest(array['', 'k', repeat('q', 200)]) k, {TEXTS}"""
UUIDS = f"""select x, uuid_generate_v3(uuid_ns_dns(), x), uuid_generate_v5(uuid_ns_url(), x),
    uuid_nil(), uuid_ns_oid(), uuid_ns_x500() from {TEXTS}"""
FUNCTIONS = """select p.proname, oidvectortypes(proargtypes), pg_get_function_result(p.oid), provolatile,
    proisstrict, proparallel
    from pg_proc p join pg_depend d on d.objid = p.oid and d.classid = 'pg_proc'::regclass
    join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass
    where extname in ('uuid-ossp', 'pgcrypto')"""


def answers(database: Database) -> tuple[list[object], set[object]]:
    with database.connect() as conn:
        conn.execute('create extension "uuid-ossp"')
        conn.execute("create extension pgcrypto")
        rows = [*conn.execute(HASHES).fetchall(), *conn.execute(UUIDS).fetchall()]
        return sorted(rows), set(conn.execute(FUNCTIONS).fetchall())


@pytest.mark.skipif("system" not in MATRIX.values(), reason="no system PostgreSQL")
def test_stand_ins_answer_as_the_real_extensions_do(server: Server) -> None:
    with open_server("system") as system:
        with system.connect() as conn:
            query = "select count(*) from pg_available_extensions where name in ('uuid-ossp', 'pgcrypto')"
            if conn.execute(query).fetchone() != (2,):
                pytest.skip("the system's PostgreSQL has no contrib")
        with fresh(system) as real, fresh(server) as ours:
            expected, functions = answers(real)
            got, present = answers(ours)
            assert got == expected
            assert functions - present == set()
            assert system.stand_ins == ()


def test_random_values_have_the_right_shape(database: Database) -> None:
    with database.connect() as conn:
        conn.execute('create schema "e x"')
        conn.execute('create extension "uuid-ossp" schema "e x"')
        conn.execute('create extension pgcrypto schema "e x"')
        row = conn.execute(
            'select "e x".uuid_generate_v1(), "e x".uuid_generate_v1mc(), "e x".uuid_generate_v4(),'
            ' length("e x".gen_random_bytes(1024)), "e x".gen_random_bytes(8) = "e x".gen_random_bytes(8)'
        ).fetchone()
    assert row is not None
    assert [u.version for u in row[:3]] == [1, 1, 4]
    assert row[3:] == (1024, False)


def test_what_a_stand_in_cannot_do_it_says(database: Database) -> None:
    with database.connect(autocommit=True) as conn:
        conn.execute("create extension pgcrypto")
        with pytest.raises(Exception, match=r"^crypt\(\) is not in the stand-in for pgcrypto\n"):
            conn.execute("select crypt('a', gen_salt)  from (values ('b')) v (gen_salt)")
        with pytest.raises(Exception, match=r'^Cannot use "rot13": No such hash algorithm\n'):
            conn.execute("select digest('a', 'rot13')")


@pytest.mark.usefixtures("prepared_home")
def test_stand_ins_report_themselves(key: str) -> None:
    with open_server(key=key) as server:
        assert server.stand_ins == ()
        with server.database() as database, database.connect(autocommit=True) as conn:
            conn.execute("create extension citext")
            conn.execute('create extension "uuid-ossp"')
            assert server.stand_ins == ("uuid-ossp",)
        assert server.stand_ins == ("uuid-ossp",)


@pytest.mark.usefixtures("prepared_home")
def test_a_clone_of_a_finished_template_reports_them_too(key: str) -> None:
    def build(database: Database) -> None:
        with database.connect() as conn:
            conn.execute("create extension pgcrypto")

    for _ in range(2):
        with open_server(key=key) as server:
            server.template("with pgcrypto", build)
            assert server.stand_ins == ("pgcrypto",)


@pytest.mark.usefixtures("prepared_home")
def test_any_extension_can_be_stood_in_for_on_purpose(key: str) -> None:
    create = "create extension \"Odd.Name-1\" version '1.4.2'"
    for _ in range(2):
        with open_server(key=key) as server, server.database() as database:
            with database.connect(autocommit=True) as conn:
                with pytest.raises(Exception, match="is not available"):
                    conn.execute(create)
                server.stand_in("Odd.Name-1", "1.4.2")
                conn.execute(create)
            assert server.stand_ins == ("Odd.Name-1",)


@pytest.mark.parametrize("name", ["../up", "a--b", "", "-a", "a/b", "x" * 64, "a\nb"])
def test_a_name_that_is_no_extensions_is_refused(server: Server, name: str) -> None:
    with pytest.raises(ScratchError, match="not an extension's name"):
        server.stand_in(name)


def test_older_servers_say_that_they_take_no_stand_ins(server_of: Opener) -> None:
    for name in MATRIX:
        server = server_of(name)
        if server.version_num < 180000:
            with pytest.raises(ScratchError) as error:
                server.stand_in("pg_cron")
            assert str(error.value) == (
                f"{server.label} lacks the extension pg_cron and cannot be given a stand-in:"
                " install it there, or use --scratch embedded"
            )
