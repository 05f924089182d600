"""Tests that write: each has a database of its own, so none sees another's rows."""

import psycopg
import pytest


def workspace(conn, name):
    row = conn.execute("insert into workspace (name) values (%s) returning id", [name]).fetchone()
    return row[0]


@pytest.mark.parametrize("title", ["Tides", "Pilots", "Berths", "Cranes"])
def test_a_title_is_unique_in_its_workspace(migrated_db, title):
    with migrated_db.connect() as conn:
        here, there = workspace(conn, "Harbour"), workspace(conn, "Airport")
        for place in (here, there):
            conn.execute("insert into note (workspace_id, title) values (%s, %s)", [place, title])
        assert conn.execute("select count(*) from note").fetchone() == (2,)
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("insert into note (workspace_id, title) values (%s, %s)", [here, title])


def test_the_app_sees_one_workspace(migrated_db):
    with migrated_db.connect(autocommit=True) as conn:
        here, there = workspace(conn, "Harbour"), workspace(conn, "Airport")
        for place in (here, there):
            conn.execute("insert into note (workspace_id, title) values (%s, 'Rules')", [place])
        conn.execute("set role notes_app")
        assert conn.execute("select count(*) from note").fetchone() == (0,)
        conn.execute("select set_config('app.workspace_id', %s, false)", [str(here)])
        assert conn.execute("select workspace_id from note").fetchall() == [(here,)]
