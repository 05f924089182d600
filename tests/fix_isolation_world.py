"""A large schema that makes rows hard to make: enums, domains, CHECKs, exclusions, cycles."""

from tests.fix_proof import TENANT


def big_schema(tables: int) -> str:
    """Return the SQL of that many protected tables, each of which refers to others, in cycles."""
    found = ["create domain email as text check (value ~ '^[^@]+@[^@]+$');",
             "create domain percent as numeric(5,2) check (value between 0 and 100);"]  # fmt: skip
    found += [f"create type kind_{n} as enum ('new', 'open_{n}', 'closed');" for n in range(20)]
    for n in range(tables):
        found.append(
            f"create table t{n} (id uuid primary key default gen_random_uuid(),"
            f" org_id uuid not null references organization (id), kind kind_{n % 20} not null default 'new',"
            " email email, done percent not null, name varchar(12) not null check (length(name) > 1),"
            " low int not null, high int not null, total numeric generated always as (low + high) stored,"
            " during tstzrange not null, exclude using gist (during with &&),"
            " check (low <= high and low >= 0), check (kind <> 'closed' or email is not null),"
            " tags text[] not null default '{}', extra jsonb not null check (jsonb_typeof(extra) = 'object'),"
            f" unique (org_id, id), unique (org_id, name)); alter table t{n} enable row level security;"
            f" create policy own on t{n} using ({TENANT});"
            f" grant select, insert, update, delete on t{n} to app_user;"
        )
    found += [
        f"alter table t{n} add next_id uuid, add foreign key (org_id, next_id) references t{(n + 1) % tables}"
        " (org_id, id) deferrable;"
        for n in range(tables)
    ]
    return "\n".join(found)
