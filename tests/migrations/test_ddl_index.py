"""What follows DDL looks at the objects that a statement names, however many others there are."""

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from validate_schema.migrations import discover
from validate_schema.migrations.ddl.indexed import Indexed
from validate_schema.migrations.ddl.origins import find_origins
from validate_schema.migrations.ddl.repeated import parse_ddl
from validate_schema.model.finding import ObjectRef

Key = tuple[str, int]
MANY = 1_000


def _terms(key: Key, value: int) -> Iterator[object]:
    yield "letter", key[0]
    yield "value", value


_keys = st.tuples(st.sampled_from("abc"), st.integers(0, 3))
_steps = st.one_of(
    st.tuples(st.just("put"), _keys, st.integers(0, 3)),
    st.tuples(st.just("pop"), _keys, st.none()),
    st.tuples(st.just("move"), st.sampled_from("abc"), st.sampled_from("abc")),
    st.tuples(st.just("drop"), st.integers(0, 3), st.none()),
)


@given(st.lists(_steps, max_size=30))
def test_it_behaves_like_a_dictionary_that_is_looked_through(steps: list[tuple[str, object, object]]) -> None:
    plain: dict[Key, int] = {}
    found: Indexed[Key, int] = Indexed(_terms)
    for step, one, other in steps:
        if step == "put":
            plain[one] = found[one] = other  # type: ignore[index,assignment]
        elif step == "pop":
            assert found.pop(one) == plain.pop(one, None)  # type: ignore[arg-type,call-overload]
        elif step == "move":
            plain = {((other, k[1]) if k[0] == one else k): v for k, v in plain.items()}  # type: ignore[misc]
            found.move(found.named(("letter", one)), lambda k, to=other: (to, k[1]))  # type: ignore[misc]
        else:
            plain = {k: v for k, v in plain.items() if v != one}
            for key in found.named(("value", one)):
                found.pop(key)
        for letter in "abc":
            assert set(found.named(("letter", letter))) == {k for k in plain if k[0] == letter}
        for value in range(4):
            assert set(found.named(("value", value))) == {k for k, v in plain.items() if v == value}
        assert {k: found[k] for letter in "abc" for k in found.named(("letter", letter))} == plain


def test_a_changed_value_is_found_by_what_it_is_now() -> None:
    class Box:
        def __init__(self, value: int) -> None:
            self.value = value

    found: Indexed[str, Box] = Indexed(lambda _, box: [box.value])
    found["a"] = Box(1)
    found["a"].value = 2
    found.changed("a")
    assert (found.named(1), found.named(2)) == ([], ["a"])


def _histories(folder: Path, files: int) -> Path:
    for n in range(files):
        text = f"create table t{n} (id int primary key, up int);\n"
        if n:
            text += f"alter table t{n - 1} rename to u{n - 1};\nalter table t{n} add foreign key (up) references u{n - 1};\n"
            text += f"alter table u{n - 1} rename column up to above;\ncreate index i{n} on t{n} (up);\ndrop index i{n};\n"
        (folder / f"{n:05}_t.sql").write_text(text)
    return folder


def test_statements_touch_what_they_name(tmp_path: Path, monkeypatch: object) -> None:
    looked = 0
    named = Indexed.named

    def counted(self: Indexed[object, object], term: object) -> list[object]:
        nonlocal looked
        found = named(self, term)  # type: ignore[arg-type]
        looked += len(found)
        return found

    monkeypatch.setattr(Indexed, "named", counted)  # type: ignore[attr-defined]
    migrations = discover(_histories(tmp_path, MANY))
    origins = find_origins(migrations)
    assert parse_ddl(migrations).repeated == ()
    assert looked < 60 * MANY
    last = MANY - 2
    assert origins.exact(ObjectRef("table", "public", f"u{last}")) == (f"{last:05}_t.sql", 1)
    assert origins.exact(ObjectRef("column", "public", f"u{last}", "above")) == (f"{last:05}_t.sql", 1)
