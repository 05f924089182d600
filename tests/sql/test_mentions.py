"""Names in texts: what counts as a word, and that a text is read once for all of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate_schema.sql.mentions import Named, mentions

ODD = ["a", "a b", "a-b", "-a", 'x"y', "$", "é", "🦉", "ab_1", "select", "a.b", "__", "\n"]
_texts = st.lists(st.sampled_from([*ODD, " ", '"', "(", "_", "b", "1"]), max_size=12).map("".join)


@given(_texts, st.sampled_from(ODD))
def test_a_mention_is_what_a_regular_expression_finds(text: str, name: str) -> None:
    assert mentions(text, name) is (re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None)


@given(_texts)
def test_named_finds_what_is_mentioned_in_the_order_given(text: str) -> None:
    assert Named((n, n) for n in ODD).within(text) == [n for n in ODD if mentions(text, n)]


def test_two_things_may_have_one_name() -> None:
    assert Named([("f", 1), ("g", 2), ("f", 3)]).within("select f(1)") == [1, 3]


@pytest.mark.parametrize("name", ["t{n}", "team {n}", "t-{n}-é"])
def test_only_names_that_share_a_word_with_the_text_are_looked_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0

    def counted(text: str, name: str) -> bool:
        nonlocal looked
        looked += 1
        return mentions(text, name)

    monkeypatch.setattr("validate_schema.sql.mentions.mentions", counted)
    named = Named((name.format(n=n), n) for n in range(5_000))
    assert named.within(f"exists (select 1 from {name.format(n=4711)} where id = 1)") == [4711]
    assert looked < 10
