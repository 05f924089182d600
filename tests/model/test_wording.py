"""Numbers with their nouns."""

import pytest

from validate_schema.model.wording import form, some


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
