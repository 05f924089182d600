"""Variants of one healthy schema: ways to leak, each with what its one error must name, and healthy ones."""

from typing import NamedTuple

PLAIN = "current_setting('app.tenant_id', true)"
CONTEXT = f"nullif({PLAIN}, '')::uuid"
OWN = f"org_id = (select {CONTEXT})"
_TENANT = "10000000-0000-4000-8000-000000000001"


class Defect(NamedTuple):
    """A script that leaks, the check that says so, and the words that its message must hold."""

    check: str
    names: tuple[str, ...]
    script: str


TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
global = ["country", "currency"]
"""
BASE = f"""
alter table organization enable row level security, force row level security;
create policy own on organization using (id = (select {CONTEXT}));
create table customer (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    name text not null,
    unique (org_id, id)
);
alter table customer enable row level security, force row level security;
create policy own on customer using ({OWN});
create table country (code text primary key);
grant select, insert, update, delete on organization, customer to app_user;
grant select on country to app_user;
"""
_INVOICE = """
create table invoice (
    id uuid primary key default gen_random_uuid(),
    org_id uuid{null} references organization (id),
    customer_id uuid not null,
    owner_id uuid,
    is_public boolean not null default false,
    amount numeric not null default 0,
    foreign key (org_id, customer_id) references customer (org_id, id)
);
create index on invoice (org_id, customer_id);
grant select, insert, update, delete on invoice to app_user;
"""
_ON = "alter table invoice enable row level security, force row level security;"
TABLE = _INVOICE.format(null=" not null") + _ON
_NULLABLE = _INVOICE.format(null="") + _ON


def policy(using: str = "", check: str = "", head: str = "", table: str = TABLE) -> str:
    using = f" using ({using})" if using else ""
    check = f" with check ({check})" if check else ""
    return f"{table} create policy p on invoice {head}{using}{check};"


def _opens(check: str, branch: str, using: str) -> Defect:
    return Defect(check, ("p on invoice", branch), policy(using))


def _helper(body: str) -> str:
    return f"create function current_org() returns uuid language sql stable as $$ select {body} $$;"


GUARDED = policy(OWN)
BAD = {
    "using true": _opens("RLS005", "true", "true"),
    "insert check true": Defect(
        "RLS006",
        ("w on invoice", "true"),
        policy(OWN, head="for select") + "create policy w on invoice for insert with check (true);",
    ),
    "all check true": Defect("RLS006", ("p on invoice", "true"), policy(OWN, "true")),
    "check drops the tenant": Defect("RLS006", ("p on invoice", "is_public"), policy(OWN, "is_public")),
    "or true": _opens("RLS005", "true", f"{OWN} or true"),
    "or tautology": _opens("RLS005", "1 = 1", f"{OWN} or 1 = 1"),
    "or not null": _opens("RLS005", "org_id IS NOT NULL", f"{OWN} or org_id is not null"),
    "or a column": _opens("RLS005", "is_public", f"{OWN} or is_public"),
    "coalesce bypass": _opens("RLS007", "COALESCE", f"org_id = coalesce({CONTEXT}, org_id)"),
    "case bypass": _opens("RLS005", "CASE", f"case when is_public then true else {OWN} end"),
    "unset bypass": _opens("RLS007", "IS NULL", f"{PLAIN} is null or {OWN}"),
    "empty bypass": _opens("RLS007", "''", f"{PLAIN} = '' or {OWN}"),
    "settable admin flag": _opens(
        "RLS005", "app.is_admin", f"{OWN} or current_setting('app.is_admin', true) = 'on'"
    ),
    "inverted": _opens("RLS005", "<>", f"org_id <> {CONTEXT}"),
    "wrong column": _opens("RLS005", "owner_id", f"owner_id = {CONTEXT}"),
    "column is itself": _opens("RLS005", "org_id = org_id", "org_id = org_id"),
    "uncorrelated exists": _opens(
        "RLS005", "EXISTS", f"exists (select from organization o where o.id = {CONTEXT})"
    ),
    "captured sub-select": _opens(
        "RLS005",
        "EXISTS",
        f"exists (select from customer c where c.org_id = org_id and c.org_id = {CONTEXT})",
    ),
    "hard-coded tenant": _opens("RLS005", _TENANT, f"org_id = '{_TENANT}'"),
    "wrong setting": _opens("RLS005", "app.org", "org_id::text = current_setting('app.org', true)"),
    "like": _opens("RLS005", "~~", f"org_id::text like {PLAIN} || '%'"),
    "prefix match": _opens("RLS005", "left", f"left(org_id::text, 8) = left({PLAIN}, 8)"),
    "null rows visible": Defect(
        "RLS008", ("p on invoice", "org_id IS NULL"), policy(f"{OWN} or org_id is null", table=_NULLABLE)
    ),
    "second permissive policy": Defect(
        "RLS005",
        ("open on invoice", "is_public"),
        GUARDED + "create policy open on invoice for select using (is_public);",
    ),
    "open policy of a role that the app can become": Defect(
        "RLS005",
        ("open on invoice", "true"),
        GUARDED
        + "create role support; grant support to app_user; grant select on invoice to support;"
        + "create policy open on invoice to support using (true);",
    ),
    "helper with a default tenant": Defect(
        "RLS007",
        ("p on invoice", "current_org()"),
        _helper(f"coalesce({CONTEXT}, '{_TENANT}')") + policy("org_id = current_org()"),
    ),
    "helper that returns true": Defect(
        "RLS005",
        ("p on invoice", "may_see()"),
        "create function may_see() returns boolean language sql stable as 'select true';"
        + policy(f"{OWN} or may_see()"),
    ),
    "dormant policy": Defect(
        "RLS004",
        ("invoice",),
        _INVOICE.format(null=" not null") + f"create policy p on invoice using ({OWN});",
    ),
    "definer view": Defect(
        "BYP003",
        ("listing", "invoice"),
        GUARDED + "create view listing as select * from invoice; grant select on listing to app_user;",
    ),
    "definer function": Defect(
        "BYP005",
        ("total(", "invoice"),
        GUARDED
        + "create function total(wanted uuid) returns numeric language sql stable security definer"
        + " set search_path from current as $$ select sum(amount) from invoice where org_id = wanted $$;",
    ),
    "materialized view": Defect(
        "BYP004",
        ("turnover", "invoice"),
        GUARDED
        + "create materialized view turnover as select org_id, sum(amount) from invoice group by 1;"
        + "grant select on turnover to app_user;",
    ),
    "partition child": Defect(
        "RLS013",
        ("event_1", "event"),
        f"""create table event (id bigint, org_id uuid not null references organization (id), at date)
            partition by range (at);
        create table event_1 partition of event for values from ('2026-01-01') to ('2027-01-01');
        alter table event enable row level security, force row level security;
        create policy own on event using ({OWN});
        grant select on event, event_1 to app_user;""",
    ),
    "inheritance child": Defect(
        "RLS013",
        ("archived", "invoice"),
        GUARDED
        + "create table archived () inherits (invoice); alter table archived add foreign key (org_id) "
        + "references organization (id), add foreign key (org_id, customer_id) references customer (org_id, id);"
        + "grant select on archived to app_user;",
    ),
    "child open through its parent": Defect(
        "RLS005",
        ("own on line", "EXISTS"),
        f"""{GUARDED} create table line (id uuid primary key, invoice_id uuid not null references invoice (id));
        create index on line (invoice_id);
        alter table line enable row level security, force row level security;
        create policy own on line using (exists (select from invoice i where {OWN}));
        grant select, insert on line to app_user;""",
    ),
    "root open": Defect(
        "RLS005",
        ("all_names on organization", "true"),
        GUARDED + "create policy all_names on organization for select using (true);",
    ),
    "delete of any row": Defect(
        "RLS006",
        ("d on invoice", "true"),
        policy(OWN, head="for select") + "create policy d on invoice for delete using (true);",
    ),
    "row security off": Defect("RLS001", ("invoice",), _INVOICE.format(null=" not null")),
    "no policy": Defect("RLS003", ("invoice",), TABLE),
    "policy of another role": Defect("RLS012", ("invoice",), policy(OWN, head="to app_owner")),
}
HEALTHY = {
    "to public": policy(OWN),
    "using only, to the role": policy(OWN, head="to app_user"),
    "with check": policy(OWN, OWN),
    "unwrapped": policy(f"org_id = {CONTEXT}"),
    "setting that must be there": policy("org_id = current_setting('app.tenant_id')::uuid"),
    "nullif": policy(f"org_id = nullif({PLAIN}, '')::uuid"),
    "compared as text": policy(f"org_id::text = {PLAIN}"),
    "stable helper": _helper(CONTEXT) + policy("org_id = current_org()"),
    "plpgsql helper": "create function current_org() returns uuid language plpgsql stable as $$ begin return "
    f"{CONTEXT}; end $$;" + policy("org_id = (select current_org())"),
    "restrictive floor": policy("true") + f"create policy floor on invoice as restrictive using ({OWN});",
    "user within tenant": policy(f"{OWN} and owner_id::text = current_setting('app.user_id', true)"),
    "commands apart": policy(OWN, head="for select")
    + f"create policy w on invoice for insert with check ({OWN});"
    + f"create policy u on invoice for update using ({OWN}) with check ({OWN});",
    "own public rows": policy(f"{OWN} and (is_public or amount > 0)"),
    "job role that the app cannot become": GUARDED
    + "create role job bypassrls; grant select, update on invoice to job;",
    "lookup table": GUARDED
    + "create table currency (code text primary key); grant select on currency to app_user;",
    "security-invoker view": GUARDED
    + "create view listing with (security_invoker) as select * from invoice; grant select on listing to app_user;",
    "tenant-filtered view": GUARDED
    + f"create view listing with (security_barrier) as select * from invoice where {OWN};"
    + "grant select on listing to app_user;",
    "tenant-filtered definer function": GUARDED
    + f"""create function total() returns numeric language sql stable security definer set search_path from current
          as $$ select sum(amount) from invoice where org_id = {CONTEXT} $$;""",
    "touch trigger": GUARDED
    + """create function touch() returns trigger language plpgsql security definer set search_path = '' as
         $$ begin new.amount := 1; return new; end $$;
         create trigger touch before update on invoice for each row execute function touch();""",
    "partitions": f"""
        create table event (id bigint, org_id uuid not null references organization (id), at date)
            partition by range (at);
        create table event_1 partition of event for values from ('2026-01-01') to ('2027-01-01');
        alter table event enable row level security, force row level security;
        create policy own on event using ({OWN});
        grant select on event to app_user;
    """,
    "inherited through its parent": f"""{GUARDED}
        create table line (id uuid primary key, invoice_id uuid not null references invoice (id));
        create index on line (invoice_id);
        alter table line enable row level security, force row level security;
        create policy own on line using (exists (select from invoice i where i.id = invoice_id));
        grant select, insert on line to app_user;
    """,
    "closed to the app": f"{_INVOICE.format(null=' not null')}{_ON} revoke all on invoice from app_user;"
    f"create policy p on invoice using ({OWN});",
}
