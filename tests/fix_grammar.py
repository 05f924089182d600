"""Random policies from a grammar, for the tables of `fix_field`.

In the texts ``item.`` stands for the table that the policy is on. What is random here is the shape; the
literals and keys are few, so that rows meet them.
"""

from typing import NamedTuple

from hypothesis import strategies as st

LITERALS = {"text": "special", "uuid": "99999999-9999-4999-8999-999999999999", "bigint": "7"}
PLAIN = "current_setting('app.tenant_id', true)"
HELPERS = {
    "tenant_of_session": f"language sql stable as $$ select nullif({PLAIN}, '') $$",
    "tenant_or_empty": f"language plpgsql stable as $$ begin return {PLAIN}; end $$",
    "tenant_or_default": f"language sql stable as $$ select coalesce({PLAIN}, '{{literal}}') $$",
    "opaque_tenant": "language plpgsql stable as $$ declare found text; "
    f"begin found := {PLAIN}; return found; end $$",
}
MATCHES = (
    "(wanted {kind}) returns boolean language sql stable as $$ select wanted = " + f"{PLAIN}::{{kind}} $$"
)
ALLOWS = "() returns boolean language plpgsql stable as $$ begin return true; end $$"


class Written(NamedTuple):
    """A policy as it is written, without its table."""

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
        text = f"create policy {name} on {table} as {kind} for {self.command} to {self.role}{using}{check}"
        return text.replace("item.", f"{table}.")


class Sown(NamedTuple):
    """One table of a batch: its shape ("item" holds the tenant column, "child" hangs from a parent)."""

    shape: str
    policies: tuple[Written, ...]

    @property
    def text(self) -> str:
        return " ".join(f"{p.using} {p.check}" for p in self.policies)


class Batch(NamedTuple):
    """What is judged together: tables, and the policies of the root and of the parent if they have any."""

    tables: tuple[Sown, ...]
    root: tuple[Written, ...]
    parent: tuple[Written, ...]


def contexts(kind: str) -> st.SearchStrategy[str]:
    """Return the tenant context, mostly as people write it."""
    usual = [PLAIN, f"(select {PLAIN})", f"nullif({PLAIN}, '')", f"(select nullif({PLAIN}, ''))"]
    usual += ["tenant_of_session()", "(select tenant_or_empty())", f"{PLAIN}::varchar(64)"]
    odd = [f"coalesce({PLAIN}, '{LITERALS[kind]}')", "current_setting('app.org', true)", f"lower({PLAIN})"]
    odd += ["tenant_or_default()", "opaque_tenant()", f"case when {PLAIN} = '' then null else {PLAIN} end"]
    texts = st.sampled_from(usual)
    chosen = st.one_of(texts, texts, texts, texts, texts, st.sampled_from(odd))
    return chosen if kind == "text" else chosen.map(lambda t: f"({t})::{kind}")


def _forms(literal: str) -> list[str]:
    """Return comparisons of a column `c` with a value `v`; the first are the usual ones."""
    return [
        *["{c} = {v}"] * 4,
        *["{v} = {c}"] * 2,
        "{c}::text = ({v})::text",
        "{c}::varchar = ({v})::varchar(64)",
        "({v})::character varying = {c}::text",
        "{c} in ({v})",
        "{c} in ({v}, {v})",
        "{c} not in ({v})",
        "{c} = any (array[{v}])",
        "{c} <> all (array[{v}])",
        "{c} is not distinct from {v}",
        "{c} is distinct from {v}",
        "{c} <> {v}",
        "coalesce({c} = {v}, false)",
        "coalesce({c} = {v}, true)",
        "coalesce({v}, {c}) = {c}",
        "coalesce({c}, {v}) = {v}",
        "nullif({c}, {v}) is null",
        "nullif({c} = {v}, true) is null",
        "{c} = any (array[{v}, '" + literal + "'])",
        "{c} between {v} and {v}",
        "{c} >= {v}",
        "{c} is null",
        "{v} is null",
        "not ({c} <> {v})",
        "({c}, {is_public}) = ({v}, true)",
        "row({c}, {c}) = row({v}, {v})",
        "({c}, {is_public}) in (({v}, true), ({v}, false))",
        "({c} = {v}) is true",
        "({c} = {v}) is not false",
        "({c} = {v}) = true",
        "{c}::text like ({v})::text || '%'",
        "case {c} when {v} then true else false end",
        "case when {c} = {v} then {is_public} end",
        "is_my_tenant({c})",
    ]


_SUB_SELECTS = [
    "exists (select 1 from organization o where o.id = {c} and o.id = {v})",
    "exists (select from organization where organization.id = {c} and {v} = organization.id)",
    "{c} in (select o.id from organization o where o.id = {v})",
    "{c} = any (select o.id from organization o where o.id = {v})",
    "{c} = (select o.id from organization o where o.id = {v})",
    "(select o.id = {v} from organization o where o.id = {c})",
    "exists (select 1 from organization o where o.id = {v})",
    "not exists (select 1 from organization o where o.id = {c} and o.id <> {v})",
    "{c} in (select p.org_id from parent p where p.org_id = {v})",
    "exists (select from parent p join organization o on o.id = p.org_id where o.id = {c} and p.org_id = {v})",
    "{c} in (select m.org_id from membership m where m.user_id = current_setting('app.user_id', true))",
]
_THROUGH_PARENT = [
    *["exists (select 1 from parent p where p.id = item.parent_id and {on_parent})"] * 3,
    *["item.parent_id in (select p.id from parent p where {on_parent})"] * 2,
    "item.parent_id = any (select p.id from parent p where {on_parent})",
    "exists (select from parent p join organization o on o.id = p.org_id where p.id = item.parent_id and {on_parent})",
    "(select p.org_id from parent p where p.id = item.parent_id) = {v}",
    "(select {on_parent} from parent p where p.id = item.parent_id)",
    "exists (select 1 from parent p where p.id = item.parent_id)",
    "not exists (select 1 from parent p where p.id = item.parent_id and {on_parent})",
    "item.parent_id not in (select p.id from parent p where {on_parent})",
    "item.parent_id is null",
]


def comparisons(kind: str, columns: list[str], is_public: str = "item.is_public") -> st.SearchStrategy[str]:
    """Return comparisons of one of the columns with the context, mostly."""
    column = st.sampled_from(columns)
    context = contexts(kind)
    value = st.one_of(context, context, context, context, st.just(f"'{LITERALS[kind]}'::{kind}"), column)
    return st.builds(
        lambda form, c, v: form.format(c=c, v=v, is_public=is_public),
        st.sampled_from(_forms(LITERALS[kind])),
        column,
        value,
    )


_SESSION = ["current_setting('app.is_admin', true) = 'on'", f"{PLAIN} is null", f"{PLAIN} = ''", "true", "false",
            "1 = 1", "current_user = 'app_user'", "current_user = 'postgres'", "always()"]  # fmt: skip
_PLAIN_COLUMNS = ["item.is_public", "not item.is_public", "item.is_public is null", "item.is_public is not true",
                  "coalesce(item.is_public, false)", "item.level > 3", "item.level between 1 and 4",
                  "item.level not between 3 and 9", "item.level = 5", "item.level is not null"]  # fmt: skip
_MORE_COLUMNS = ["item.status = 'open'", "item.status <> 'open'", "item.status in ('open', 'held')",
                 "item.status is null", "item.status like 'op%'", "item.status = any ('{open,held}'::text[])",
                 "item.owner_id = current_setting('app.user_id', true)",
                 "case when item.level > 3 then item.is_public else false end",
                 "(item.status, item.level) = ('open', 5)"]  # fmt: skip


def conditions(kind: str, shape: str) -> st.SearchStrategy[str]:
    """Return conditions on the rows of a table of that shape."""
    binding: st.SearchStrategy[str]
    if shape == "item":
        comparison = comparisons(kind, ["item.org_id"] * 3 + ["item.other_id"])
        sub_select = st.builds(
            lambda form, v: form.format(c="item.org_id", v=v), st.sampled_from(_SUB_SELECTS), contexts(kind)
        )
        binding = st.one_of(comparison, comparison, comparison, comparison, sub_select)
        others = st.sampled_from([*_SESSION, *_PLAIN_COLUMNS, *_MORE_COLUMNS])
    elif shape == "child":
        on_parent = st.one_of(
            comparisons(kind, ["p.org_id"], "p.is_open"),
            comparisons(kind, ["p.org_id"], "p.is_open"),
            st.sampled_from(["p.is_open", "true", "p.id = p.id"]),
        )
        binding = st.builds(
            lambda form, on, v: form.format(on_parent=on, v=v),
            st.sampled_from(_THROUGH_PARENT),
            on_parent,
            contexts(kind),
        )
        others = st.sampled_from([*_SESSION, *_PLAIN_COLUMNS])
    else:
        binding = comparisons(kind, ["item.id" if shape == "root" else "item.org_id"], "true")
        others = st.sampled_from(_SESSION)
    atom = st.one_of(binding, binding, binding, others)
    return st.recursive(atom, lambda inner: _grown(inner, others), max_leaves=5)


def _grown(inner: st.SearchStrategy[str], others: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("(case when {} then {} else {} end)".format, others, inner, inner),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("(select {})".format, inner),
    )


def written(kind: str, shape: str, most: int) -> st.SearchStrategy[tuple[Written, ...]]:
    """Return one to `most` policies of a table."""
    condition = conditions(kind, shape)
    one = st.builds(
        Written,
        st.sampled_from(["all", "all", "all", "all", "select", "insert", "update", "delete"]),
        st.sampled_from(["public", "public", "public", "app_user", "app_user", "auditor", "clerk", "staff"]),
        st.sampled_from([True, True, True, False]),
        condition,
        st.one_of(st.none(), st.none(), condition),
    )
    return st.lists(one, min_size=1, max_size=most).map(tuple)


def batches(kind: str, size: int) -> st.SearchStrategy[Batch]:
    """Return `size` tables with policies; root and parent have some now and then."""
    item = st.builds(Sown, st.just("item"), written(kind, "item", 3))
    child = st.builds(Sown, st.just("child"), written(kind, "child", 2))
    tables = st.lists(st.one_of(item, item, item, child), min_size=size, max_size=size).map(tuple)
    seldom = [st.just(())] * 3
    return st.builds(
        Batch,
        tables,
        st.one_of(*seldom, written(kind, "root", 2)),
        st.one_of(*seldom, written(kind, "parent", 2)),
    )
