"""Numbers with their nouns."""

import pytest

from validate_schema.model.wording import excerpt, first_of, form, listed, some


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "row", "1 row"),
        (0, "row", "0 rows"),
        (2, "index", "2 indexes"),
        (2, "operator class", "2 operator classes"),
        (3, "policy", "3 policies"),
        (1, "policy", "1 policy"),
        (3, "foreign key", "3 foreign keys"),
        (2, "info", "2 info"),
        (2, "default privileges", "2 default privileges"),
    ],
)
def test_a_noun_stands_in_the_form_that_its_number_asks_for(number: int, noun: str, words: str) -> None:
    assert some(number, noun) == words


def test_a_verb_names_both_of_its_forms() -> None:
    assert (form(1, "is", "are"), form(0, "is", "are"), form(2, "is", "are")) == ("is", "are", "are")


@pytest.mark.parametrize(
    ("words", "row", "two"),
    [
        ((), "", ""),
        (("a",), "a", "a"),
        (("a", "b"), "a and b", "a, b"),
        (("a", "b", "c"), "a, b and c", "a, b and 1 more"),
    ],
)
def test_names_stand_in_a_row_or_the_first_of_them(words: tuple[str, ...], row: str, two: str) -> None:
    assert (listed(words), first_of(words, 2)) == (row, two)


def test_the_beginning_of_a_text_is_one_line() -> None:
    assert excerpt("select\n  1", 8) == "select 1"
    assert excerpt("select\n  12", 8) == "select 1…"
