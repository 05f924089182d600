"""Scratch servers as their callers see them."""

from validate_schema.scratch import Database, Server


def test_a_database_starts_empty(any_database: Database) -> None:
    with any_database.connect() as conn:
        found = conn.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert found == []


def test_a_database_is_gone_after_its_block(server: Server) -> None:
    with server.database() as database, server.connect() as conn:
        names = "select datname from pg_database where datname = %s"
        assert conn.execute(names, [database.name]).fetchall() == [(database.name,)]
    with server.connect() as conn:
        assert conn.execute(names, [database.name]).fetchall() == []
