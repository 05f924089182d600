"""Random policies from a grammar, for a table of `fix_oracle`."""

from typing import NamedTuple

from hypothesis import strategies as st


class Written(NamedTuple):
    """A policy as it is written. `half` is using, check or both."""

    command: str
    role: str
    permissive: bool
    using: str
    check: str | None

    def create(self, name: str, table: str = "item") -> str:
        kind = "permissive" if self.permissive else "restrictive"
        using = f" using ({self.using})" if self.command != "insert" else ""
        check = f" with check ({self.check or self.using})" if self.command == "insert" else ""
        if self.check is not None and self.command in ("all", "update"):
            check = f" with check ({self.check})"
        return f"create policy {name} on {table} as {kind} for {self.command} to {self.role}{using}{check}"


def contexts(kind: str) -> st.SearchStrategy[str]:
    plain = "current_setting('app.tenant_id', true)"
    texts = st.sampled_from(
        [plain, f"(select {plain})", f"nullif({plain}, '')", f"(select nullif({plain}, ''))"]
    )
    odd = st.sampled_from(
        [f"coalesce({plain}, 'special')", "current_setting('app.org', true)", f"lower({plain})"]
    )
    chosen = st.one_of(texts, texts, texts, texts, odd)
    return chosen if kind == "text" else chosen.map(lambda t: f"({t})::{kind}")


def comparisons(kind: str, literal: str) -> st.SearchStrategy[str]:
    column = st.sampled_from(["org_id", "org_id", "org_id", "other_id"])
    value = st.one_of(contexts(kind), contexts(kind), contexts(kind), st.just(f"'{literal}'::{kind}"), column)
    forms = st.sampled_from(
        [
            "{c} = {v}",
            "{c} = {v}",
            "{v} = {c}",
            "{c}::text = ({v})::text",
            "{c} in ({v})",
            "{c} = any (array[{v}])",
            "{c} is not distinct from {v}",
            "{c} is distinct from {v}",
            "{c} <> {v}",
            "coalesce({c} = {v}, false)",
            "coalesce({v}, {c}) = {c}",
            "nullif({c}, {v}) is null",
            "{c} = any (array[{v}, '" + literal + "'])",
            "exists (select 1 from organization o where o.id = item.{c} and o.id = {v})",
            "{c} in (select o.id from organization o where o.id = {v})",
            "exists (select 1 from organization o where o.id = {v})",
            "{c} is null",
            "{v} is null",
            "not ({c} <> {v})",
            "({c}, is_public) = ({v}, true)",
            "({c} = {v}) is true",
            "({c} = {v}) is not false",
            "{c}::text like ({v})::text || '%'",
        ]
    )
    return st.builds(lambda f, c, v: f.format(c=c, v=v), forms, column, value)


OTHERS = st.sampled_from(
    ["is_public", "not is_public", "is_public is null", "is_public is not true", "status = 'open'", "status <> 'open'",
     "status in ('open', 'shut')", "status is null", "level > 3", "level between 1 and 4", "level = 5", "level is not null",
     "owner_id = current_setting('app.user_id', true)", "current_setting('app.is_admin', true) = 'on'",
     "current_setting('app.tenant_id', true) is null", "current_setting('app.tenant_id', true) = ''", "true", "false", "1 = 1",
     "status like 'op%'", "current_user = 'app_user'", "current_user = 'postgres'", "coalesce(is_public, false)",
     "case when level > 3 then is_public else false end", "status = any ('{open,shut}'::text[])"]
)  # fmt: skip


def conditions(kind: str, literal: str) -> st.SearchStrategy[str]:
    comparison = comparisons(kind, literal)
    atom = st.one_of(comparison, comparison, comparison, OTHERS)

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {})".format, inner, inner),
            st.builds("(not {})".format, inner),
            st.builds("(case when {} then {} else {} end)".format, OTHERS, inner, inner),
            st.builds("coalesce({}, {})".format, inner, inner),
        )

    return st.recursive(atom, grow, max_leaves=5)


def policies(kind: str, literal: str) -> st.SearchStrategy[list[Written]]:
    condition = conditions(kind, literal)
    written = st.builds(
        Written,
        st.sampled_from(["all", "all", "all", "select", "insert"]),
        st.sampled_from(["public", "public", "app_user", "app_user", "auditor", "clerk"]),
        st.sampled_from([True, True, True, False]),
        condition,
        st.one_of(st.none(), condition),
    )
    return st.lists(written, min_size=1, max_size=3)
