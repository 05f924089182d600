"""BYP: functions that policies rest on, and that find what their caller made."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.roles import Reliance, relied_on
from validate_schema.pack.sql import own_path, quote_ident, quote_qname, schemas_of

from ._lookup import takes_operators, takes_temporary, temporary_makers

_MEMBERS = """
        create table member (org_id uuid not null references organization (id), login text not null);
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select on invoice, member to app_user;
"""


class Helper(NamedTuple):
    """A function that the isolation rests on and that runs as whoever uses the table."""

    reliance: Reliance

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.reliance.function.routine)


def helpers(facts: Facts) -> Iterator[Helper]:
    """Functions that the isolation rests on, with the rights of who calls them."""
    for reliance in relied_on(facts).values():
        if not reliance.function.security_definer and not reliance.runs_as and reliance.function.body:
            yield Helper(reliance)


@check(
    "BYP020",
    "Helper of a policy finds its caller's tables",
    subjects=helpers,
    severity=Severity.WARNING,
    explains=("beside",),
    why="Temporary tables come before all others: the caller makes one of that name, and tells the policy what it wants to hear.",
    bad=f"""{_MEMBERS}
        create function my_orgs() returns setof uuid language plpgsql stable as $$
        begin
            return query select m.org_id from member m where m.login = current_setting('app.login', true);
        end $$;
        create policy members on invoice using (org_id in (select my_orgs()));
    """,
    good=f"""{_MEMBERS}
        create function my_orgs() returns setof uuid language sql stable
        begin atomic
            select m.org_id from member m where m.login = current_setting('app.login', true);
        end;
        create policy members on invoice using (org_id in (select my_orgs()));
    """,
)
def callers_tables(subject: Helper, facts: Facts) -> Flaw | None:
    """A function that the isolation rests on may use a table, function or operator that its caller made.

    Examined: functions with their caller's rights that policies, triggers, views and what these call use
    (SECURITY DEFINER ones are BYP006's). Undecided when one reads a relation without its schema, the function's own
    search_path does not end with ``pg_temp``, and an app role may make temporary tables (TEMPORARY on the database,
    which PUBLIC has by default); and when an app role, or PUBLIC, may create functions and operators in a schema of
    the function's own search_path or, where it has none, in any. Passes behind a gateway, which sends no such
    statement, and for bodies that the server parsed when they were made (BEGIN ATOMIC).
    Source: PostgreSQL documentation, search_path; CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely".
    """
    function = subject.reliance.function
    users = facts.once(temporary_makers)
    temporary = bool(users) and bool(function.touches) and takes_temporary(function)
    made = dict(takes_operators(function, facts))
    if not temporary and not made:
        return None
    written = own_path(function.settings)
    schemas = (
        schemas_of(written) if written is not None else ("pg_catalog", function.schema, facts.default_schema)
    )
    kept = [s for s in dict.fromkeys(schemas) if s != "pg_temp" and f"schema {s}" not in made]
    path = ", ".join((*map(quote_ident, kept), "pg_temp"))
    name = f"{facts.show(function.qname)}({function.arguments})"
    taken = f"reads a temporary table of {', '.join(users)} instead of the one it means"
    if not temporary:
        places = "; ".join(f"{', '.join(able)} may create in {where}" for where, able in made.items())
        taken = f"uses functions and operators of its caller instead of those it means: {places}"
    return Flaw(
        message=f"{name}, on which {subject.reliance.caller} rests, {taken}",
        expected="names with their schema, or a search_path of its own with pg_temp at the end",
        observed=f"search_path = {written}" if written is not None else "the search_path of its caller",
        undecided=True,
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER ROUTINE {quote_qname(function.qname)}({function.arguments}) SET search_path = {path};"
                ),
            ),
            note="An SQL function with a setting of its own is not inlined any more. Or REVOKE "
            f"{'TEMPORARY ON DATABASE' if temporary else 'CREATE'} from PUBLIC and the app.",
            lock="none on rows",
        ),
    )
