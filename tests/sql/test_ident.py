"""Names for SQL and for people."""

import pytest

from validate_schema.model.catalog import QName
from validate_schema.sql.ident import (
    derived_name,
    display,
    quote_ident,
    quote_literal,
    quote_qname,
    quote_role,
)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("user", '"user"'), ('a"b', '"a""b"'), ("orgId", '"orgId"'), ("line\nbreak", '"line\nbreak"')],
)
def test_an_identifier_is_always_quoted(name: str, quoted: str) -> None:
    assert quote_ident(name) == quoted
    assert quote_qname(QName("s", name)) == f'"s".{quoted}'


def test_public_is_a_keyword_among_roles() -> None:
    assert quote_role("PUBLIC") == "PUBLIC"
    assert quote_role("public") == '"public"'


@pytest.mark.parametrize(("text", "literal"), [("it's", "'it''s'"), ("a\\b", " E'a\\\\b'")])
def test_a_literal_means_the_same_whatever_the_string_setting(text: str, literal: str) -> None:
    assert quote_literal(text) == literal


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("invoice", "org_id", "idx"), "invoice_org_id_idx"),
        (("t" * 63, "org_id", "idx"), "t" * 52 + "_org_id_idx"),
        (("t", "c" * 63, "idx1"), "t_" + "c" * 56 + "_idx1"),
        (("é" * 40, "key"), "é" * 29 + "_key"),
    ],
)
def test_a_derived_name_fits_and_keeps_its_last_part(parts: tuple[str, ...], name: str) -> None:
    assert derived_name(*parts) == name
    assert len(name.encode()) <= 63


def test_the_default_schema_is_not_shown() -> None:
    assert display(QName("public", "User")) == "User"
    assert display(QName("auth", "users")) == "auth.users"
    assert display(QName("shop", "User"), "shop") == "User"
