"""Which static checks say why the rows of a table are open, for checks that meet the same defect."""

from validate_schema.api import Facts, TablePolicy
from validate_schema.api import catalog as cat

from ._policies import combinations, defects


def explained(table: cat.Table, facts: Facts) -> tuple[str, ...]:
    """Return the ids of the errors, sorted, that row security itself reports for the table.

    RLS001 where it is off, RLS004 where policies wait for it; RLS005 to RLS008 where a policy, or the
    policies together, let rows of other tenants through. Empty: no static check says so.
    """
    if table.qname not in facts.judgements and not table.row_security:
        return ("RLS004",) if table.policies else ("RLS001",)
    found = {id for policy in table.policies for id in defects(TablePolicy(table, policy), facts)}
    found |= {id for c in combinations(facts) if c.table == table for id in defects(c, facts)}
    return tuple(sorted(found))
