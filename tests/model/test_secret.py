"""What may hold a password shows it nowhere, however it is written."""

import copy
import json
import pickle
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_secrets import HEAD, SPELLINGS, TAIL, passwords
from validate_schema.model.secret import Secret, mask


def hidden(text: str) -> bool:
    return HEAD not in text and TAIL not in text


@given(passwords(), st.sampled_from(sorted(SPELLINGS)))
def test_no_text_form_of_a_source_shows_its_password(password: str, spelling: str) -> None:
    secret = Secret(SPELLINGS[spelling](password))
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>90}", "%s" % secret, str([secret])):  # noqa: UP031
        assert hidden(shown)
    assert secret.reveal() == SPELLINGS[spelling](password)


@given(passwords(), st.sampled_from(sorted(SPELLINGS)))
def test_what_others_say_of_it_is_hidden_as_it_is_written_and_as_it_is_meant(
    password: str, spelling: str
) -> None:
    text = SPELLINGS[spelling](password)
    said = [f"no such thing: {text}", f"no such thing: {text!r}"]
    if spelling.startswith(("url", "settings, quoted")):
        said += [f"server: {password}", f"server: {quote(password, safe='')}"]
    for each in said:
        assert hidden(Secret(text).hide_in(each))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("embedded", "embedded"),
        ("/opt/homebrew/opt/postgresql@16/bin", "/opt/homebrew/opt/postgresql@16/bin"),
        ("models:app.models:Base", "models:app.models:Base"),
        ("prisma/schema.prisma", "prisma/schema.prisma"),
        ("postgresql://me@db.example.org:6432/shop", "postgresql://me@db.example.org:6432/shop"),
        ("postgresql://me:pw@[::1]:5432/shop", "postgresql://me:***@[::1]:5432/shop"),
        (
            "postgresql://me:pw@a:1,b:2/shop?sslmode=require",
            "postgresql://me:***@a:1,b:2/shop?sslmode=require",
        ),
        ("postgresql:///shop?host=/run/pg&password=pw", "postgresql:///shop?host=/run/pg&password=***"),
        ("postgresql://db/shop?sslpassword=x&odd", "postgresql://db/shop?sslpassword=***&***"),
        ("host=db dbname=shop password='a b'", "host=db dbname=shop password=***"),
        ("host=db passfile=/home/me/.pgpass", "host=db ***"),
        ("host=db password=two words", "…"),
        ("postgresql://me:pw", "postgresql://…"),
        ("postgresql://me:pw@x@db/shop", "postgresql://…"),
        ("postgresql://me:70000/x", "postgresql://…"),
        ("me:pw@db/shop", "…"),
        ("sqlite:///shop.db", "sqlite:///shop.db"),
    ],
)
def test_what_is_no_secret_stays_readable(text: str, shown: str) -> None:
    assert str(Secret(text)) == shown


def test_a_secret_is_neither_encoded_nor_pickled_and_stays_itself() -> None:
    secret = Secret(f"postgresql://me:{HEAD}@db/shop")
    for encode in (json.dumps, pickle.dumps):
        with pytest.raises(TypeError) as caught:
            encode(secret)
        assert hidden(str(caught.value))
    assert copy.deepcopy(secret) is secret
    assert secret == Secret(secret)
    assert secret != secret.reveal()


def test_a_password_that_is_a_name_as_well_leaves_messages_readable() -> None:
    url = Secret("postgresql://shop:shop@db/shop")
    assert url.hide_in("there is no database shop") == "there is no database shop"


@pytest.mark.parametrize(
    "text",
    [
        f"DB_PASSWORD={HEAD} make migrate",
        f"flyway --password {HEAD} migrate",
        f"migrate --db-password={HEAD}",
        f"{{'NAME': 'shop', 'PASSWORD': '{HEAD} x', 'HOST': 'db'}}",
        f'{{"password": "{HEAD}"}}',
        f"API_TOKEN={HEAD}",
        f"goose postgres postgres://me:{HEAD}@db/shop up",
        f"sh -c 'PGPASSWORD={HEAD} psql'",
    ],
)
def test_running_text_is_masked(text: str) -> None:
    assert hidden(mask(text))
    assert "***" in mask(text)


@pytest.mark.parametrize("text", ["-" * 100_000, "a://:" * 20_000, "password " * 20_000, "password=" * 5_000])
def test_hostile_text_is_masked_in_reasonable_time(text: str) -> None:
    assert len(mask(text)) <= len(text) + 10 * text.count("password=")
    assert re.match(r"[-a\s\S]", str(Secret(text[:2_000])))
