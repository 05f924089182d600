"""How a session becomes the role that is proven, comes back, and does what only an owner may."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...catalog.asking import EQUALS
from ...catalog.names import SCRATCH_PROVER
from ...model.catalog import QName
from ...sql.ident import quote_ident, quote_literal, quote_qname
from .context import become, role_taken


@dataclass(frozen=True)
class Seat:
    """Who sits at a connection. `login` is the role that logged in to a server of ours, in whose session
    nobody is a superuser; "": a superuser did.

    What owners do is done there as them (`scratch/helpers.sql`).
    """

    login: str = ""

    def become(self, role: str, context: Sequence[str]) -> tuple[str, ...]:
        """Return the statements after which nothing but the role is left of the session, which goes by the
        name of the role that the context takes (`context.become`)."""
        if not self.login:
            return become(role, context)
        name = role_taken(context) or role
        if name != role:
            words = f"{quote_literal(role)}, {quote_literal(name)}"
            return f"select pg_catalog.validate_schema_renames({words})", "set local role none"
        return (f"set local role {'none' if role == self.login else quote_ident(role)}",)

    @property
    def back(self) -> str:
        """The statement after which the session sees and writes all rows."""
        return f"set local role {SCRATCH_PROVER}" if self.login else "reset session authorization"

    def opens(self, table: QName) -> str:
        """Return the statement that switches a table's row security off."""
        name = quote_qname(table)
        if not self.login:
            return f"alter table {name} disable row level security"
        return f"select pg_catalog.validate_schema_opens({quote_literal(name)})"

    def owning(self, statement: str, relation: QName) -> str:
        """Return a statement that does another one as the owner of a relation."""
        name = f"{quote_literal(quote_qname(relation))}::pg_catalog.regclass"
        return self.owning_any(
            statement, f"select relowner from pg_catalog.pg_class where oid {EQUALS} {name}"
        )

    def owning_type(self, statement: str, name: str) -> str:
        """Return a statement that does another one as the owner of a type; `name` is as SQL says it."""
        named = f"{EQUALS} {quote_literal(name)}::pg_catalog.regtype"
        return self.owning_any(statement, f"select typowner from pg_catalog.pg_type where oid {named}")

    def owning_any(self, statement: str, owner: str) -> str:
        """Return a statement that does another one as the role whose oid the query gives."""
        if not self.login:
            return statement
        path = "pg_catalog.current_setting('search_path')"
        return f"select pg_catalog.validate_schema_as(({owner}), {quote_literal(statement)}, {path})"
