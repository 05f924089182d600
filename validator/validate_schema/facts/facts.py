"""Everything a check may look at, with the look-ups that several checks share."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from ..model.catalog import Catalog, Column, Constraint, Function, QName, Role, Sequence, Table, View
from ..model.contract import Contract, ExpectedTable
from ..model.evidence import Evidence
from ..model.finding import ObjectRef
from ..model.fleet import FleetScene
from ..model.history import History
from ..model.isolation import Isolation
from ..model.principals import Principals
from ..model.reading import Analysis, Judgement, PolicyReading
from ..model.tenancy import Level, Standing, TableClass, Tenancy
from ..sql.ident import display
from ..sql.mentions import Named
from .context import is_helper
from .roles import Roles

_T = TypeVar("_T")
_TEXTS = ("text", "character", "name")


NOT_IDENTIFIED = "the tenant root and tenant column were not identified"


class NotExamined(Exception):  # noqa: N818 - not an error: a result
    """Raised by a subject selector when what it selects cannot be known: the check is skipped.

    The message is the reason that the report shows.
    """


class SuppressionUse(msgspec.Struct, frozen=True):
    """One configured suppression, parsed. `expires` None with `expires_text` set: unreadable date.

    `basis` is that of the findings that it accepts, "" for any.

    The engine fills the last three before the SUP checks run: how many findings it `matched`, whether a
    check that it names was `judged` in this run (what did not run cannot be unused), and the `bases` of
    those that it matched.
    """

    check: str
    object: str
    reason: str
    owner: str = ""
    expires: date | None = None
    expires_text: str = ""
    basis: str = ""
    matched: int = 0
    judged: bool = True
    bases: frozenset[str] = frozenset()

    def lapsed(self, today: date) -> bool:
        """Tell whether it no longer holds: past its date, or the date cannot be read."""
        if self.expires is None:
            return bool(self.expires_text)
        return self.expires < today

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("suppression", name=f"{self.check} {self.object}")


class ConfigName(msgspec.Struct, frozen=True):
    """A table or role named in the config; `where` is its key there (``tenancy.global``)."""

    name: str
    where: str
    kind: str = "table"
    expires: date | None = None


class Facts(msgspec.Struct, frozen=True, dict=True):
    """The world of one run. Immutable; derived look-ups are computed once, when first asked for.

    `no_catalog` is set where there is no schema to judge, and says why: checks that judge one do not run.
    `told` are the objects of the errors that checks of this run found, by what these explain of the proof
    (``role``, ``rows``, ``reference``, ``surface``); the engine fills it before the proof is judged.
    `half_read` are relations of which something could not be read: nobody judges them, but they are there.
    `fleet` is set where the catalog is that of one member of a fleet.
    """

    catalog: Catalog
    tenancy: Tenancy
    contract: Contract = Contract()
    evidence: Evidence = Evidence()
    analysis: Analysis = Analysis()
    isolation: Isolation = Isolation()
    history: History = History()
    suppressions: tuple[SuppressionUse, ...] = ()
    config_names: tuple[ConfigName, ...] = ()
    today: date = date(1970, 1, 1)
    no_catalog: str = ""
    told: Mapping[str, tuple[ObjectRef, ...]] = msgspec.field(default_factory=dict)
    half_read: frozenset[QName] = frozenset()
    fleet: FleetScene | None = None

    @cached_property
    def missing(self) -> Mapping[str, str]:
        """Why evidence beyond the catalog is missing, by what a check `needs`; "" where it is not."""
        history = self.history
        none = history.reason if not history.examined else ""
        return {
            "rows": self.evidence.reason,
            "proof": self.isolation.reason,
            "files": none,
            "ledger": none or history.ledger_reason,
            "replay": none or history.replay.reason,
            "drift": none or history.drift.reason,
            "dry run": none or history.dry_run.reason,
            "fixtures": history.paths.reason,
        }

    @property
    def default_schema(self) -> str:
        return self.catalog.server.default_schema

    def show(self, name: QName) -> str:
        """Return a relation's name as people write it."""
        return display(name, self.default_schema)

    @cached_property
    def tables_by_name(self) -> Mapping[QName, Table]:
        return {t.qname: t for t in self.catalog.tables}

    @cached_property
    def standings(self) -> Mapping[QName, Standing]:
        return {s.table: s for s in self.tenancy.standings}

    @cached_property
    def memberships(self) -> Roles:
        return Roles.of(self.catalog)

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        return self.memberships.by_name

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """User tables: no partitions (judged through their parent), no migration ledgers."""
        return tuple(
            t
            for t in self.catalog.tables
            if t.parent is None
            and t.qname not in self.half_read
            and self.class_of(t.qname) is not TableClass.LEDGER
        )

    def class_of(self, name: QName) -> TableClass:
        """Return a table's class; a table without a standing is unclassified."""
        standing = self.standings.get(name)
        return standing.table_class if standing else TableClass.UNCLASSIFIED

    def of_class(self, *classes: TableClass) -> tuple[Table, ...]:
        """Return the user tables of these classes.

        Raises `NotExamined` when the tenancy was not identified: nobody knows which they are.
        """
        self.require_tenancy()
        if len(classes) == 1:
            return self._tables_by_class.get(classes[0], ())
        return tuple(t for t in self.tables if self.class_of(t.qname) in classes)

    @cached_property
    def _tables_by_class(self) -> Mapping[TableClass, tuple[Table, ...]]:
        found: dict[TableClass, list[Table]] = defaultdict(list)
        for table in self.tables:
            found[self.class_of(table.qname)].append(table)
        return {table_class: tuple(tables) for table_class, tables in found.items()}

    def require_tenancy(self) -> None:
        if not self.tenancy.identified:
            raise NotExamined(NOT_IDENTIFIED)

    @cached_property
    def tenant_tables(self) -> tuple[Table, ...]:
        return self.of_class(TableClass.TENANT)

    @cached_property
    def protected_tables(self) -> tuple[Table, ...]:
        """Tenant and inherited tables: those that row security must guard."""
        return self.of_class(TableClass.TENANT, TableClass.INHERITED)

    def tenant_column(self, table: Table) -> str | None:
        """Return the tenant column of a tenant table, None where it has none."""
        return self._tenant_columns.get(table.qname)

    @cached_property
    def _tenant_columns(self) -> Mapping[QName, str | None]:
        return {name: standing.column for name, standing in self.standings.items()}

    def level(self, table: Table) -> Level:
        """Return the level of tenancy that a root or tenant table belongs to."""
        return self.tenancy.levels[self.standings[table.qname].level]

    @cached_property
    def text_roots(self) -> tuple[tuple[Table, Column], ...]:
        """The roots of this database whose key is text, with that key."""
        levels = [
            (self.tables_by_name.get(level.root), level.key) for level in self.tenancy.levels if level.root
        ]
        keys = ((table, table.column(key)) for table, key in levels if table is not None and key)
        return tuple((t, c) for t, c in keys if c is not None and c.base_type.startswith(_TEXTS))

    def root_keys(self, table: Table) -> tuple[Constraint, ...]:
        """Return the table's own foreign keys that hold its tenant column and lead to its root,
        or to a tenant-scoped parent's same column (a composite key)."""
        known = self._root_keys.get(table.qname)
        if known is None:
            known = self._root_keys[table.qname] = self._find_root_keys(table)
        return known

    @cached_property
    def _root_keys(self) -> dict[QName, tuple[Constraint, ...]]:
        return {}  # what `root_keys` found so far

    def _find_root_keys(self, table: Table) -> tuple[Constraint, ...]:
        column, level = self.tenant_column(table), self.level(table)
        found = []
        for key in table.foreign_keys:
            pairs = dict(zip(key.columns, key.referenced_columns, strict=False))
            if column not in pairs or key.references is None:
                continue
            target = self.tables_by_name.get(key.references)
            direct = key.references == level.root
            through = target is not None and pairs[column] == self.tenant_column(target)
            if direct or through:
                found.append(key)
        return tuple(found)

    def root_guarded(self, table: Table) -> bool:
        """Tell whether PostgreSQL itself keeps the tenant column of `table` to existing tenants: a
        root key that holds, none of whose other columns may be NULL.

        With MATCH SIMPLE a NULL in any column switches a composite key off for that row.
        """
        column = self.tenant_column(table)

        def always_holds(key: Constraint) -> bool:
            others = (table.column(c) for c in key.columns if c != column)
            return key.holds and all(c is not None and c.not_null for c in others)

        return any(always_holds(key) for key in self.root_keys(table))

    @cached_property
    def level_of_root(self) -> Mapping[QName, int]:
        """The index of the level that each root stands for."""
        levels = enumerate(self.tenancy.levels)
        return {entry.root: i for i, entry in levels if entry.root is not None}

    @cached_property
    def held_levels(self) -> Mapping[QName, Mapping[int, str]]:
        """The tenant columns that each root or tenant table holds, by index of their level.

        The root of a level stands in it by its own key.
        """
        levels = list(enumerate(self.tenancy.levels))
        found: dict[QName, dict[int, str]] = {}
        for name, standing in self.standings.items():
            table = self.tables_by_name.get(name)
            if table is None or standing.table_class not in (TableClass.TENANT, TableClass.ROOT):
                continue
            columns = {c.name for c in table.columns}
            held = found[name] = {}
            for i, level in levels:
                spellings: tuple[str | None, ...] = level.columns
                if level.root == name:
                    spellings = (level.key,)
                elif i == standing.level and standing.table_class is TableClass.TENANT:
                    spellings = (standing.column,)
                column = next((c for c in spellings if c in columns), None)
                if column is not None:
                    held[i] = column
        return found

    @cached_property
    def referrers(self) -> Mapping[QName, tuple[tuple[Table, Constraint], ...]]:
        """Foreign keys by the table that they reference, each with the table that it belongs to;
        the copies that partitions hold are left out."""
        found: dict[QName, list[tuple[Table, Constraint]]] = {}
        for table in self.catalog.tables:
            for key in table.constraints:
                if key.references is not None and not key.inherited:
                    found.setdefault(key.references, []).append((table, key))
        return {name: tuple(keys) for name, keys in found.items()}

    @property
    def principals(self) -> Principals:
        """Who asks: what variables of the session stand for, and which tables hold memberships."""
        return self.analysis.principals

    @property
    def loose(self) -> tuple[QName, ...]:
        """The tables of memberships with rows that a person wrote for any tenant, and nobody accepted."""
        return self.analysis.loose

    @cached_property
    def judgements(self) -> Mapping[QName, tuple[Judgement, ...]]:
        """What the analysis says of row-level security, by table."""
        found: dict[QName, list[Judgement]] = {}
        for judgement in self.analysis.judgements:
            found.setdefault(judgement.table, []).append(judgement)
        return {name: tuple(judgements) for name, judgements in found.items()}

    @cached_property
    def owner_judgements(self) -> Mapping[tuple[QName, str], tuple[Judgement, ...]]:
        """What the analysis says of what acts with a role's rights, by table and role."""
        found: dict[tuple[QName, str], list[Judgement]] = {}
        for judgement in self.analysis.owners:
            found.setdefault((judgement.table, judgement.role), []).append(judgement)
        return {key: tuple(judgements) for key, judgements in found.items()}

    @cached_property
    def policy_readings(self) -> Mapping[tuple[QName, str], PolicyReading]:
        """What the analysis says of each policy by itself, by table and name."""
        return {(r.table, r.policy): r for r in self.analysis.policies}

    @cached_property
    def expected_tables(self) -> Mapping[QName, ExpectedTable]:
        """The contract's tables under the names that they would have in this database."""
        return {QName(t.schema or self.default_schema, t.name): t for t in self.contract.tables}

    @cached_property
    def partitions(self) -> Mapping[QName, tuple[Table, ...]]:
        """The direct partitions of each partitioned table."""
        found: dict[QName, list[Table]] = {}
        for table in self.catalog.tables:
            if table.parent is not None:
                found.setdefault(table.parent, []).append(table)
        return {name: tuple(children) for name, children in found.items()}

    @cached_property
    def taken_names(self) -> Mapping[str, frozenset[str]]:
        """Names that a new index or constraint cannot have, by schema."""
        taken: dict[str, set[str]] = {}
        for table in self.catalog.tables:
            names = taken.setdefault(table.schema, set())
            names.add(table.name)
            if table.qname in self.half_read:
                continue
            names.update(i.name for i in table.indexes)
            names.update(c.name for c in table.constraints)
        others: list[View | Sequence] = [*self.catalog.views, *self.catalog.sequences]
        for other in others:
            taken.setdefault(other.schema, set()).add(other.name)
        return {schema: frozenset(names) for schema, names in taken.items()}

    @cached_property
    def named_functions(self) -> Named[Function]:
        """The functions whose body can be read, to be found in texts by name."""
        return Named((f.name, f) for f in self.catalog.functions if f.body)

    @cached_property
    def named_guarded(self) -> Named[Table]:
        """The tables with policies, to be found in texts by name."""
        return Named((t.name, t) for t in self.catalog.tables if t.policies)

    @cached_property
    def app_roles(self) -> tuple[str, ...]:
        """App roles that exist in the catalog."""
        return tuple(r for r in self.tenancy.app_roles if r in self.roles)

    @cached_property
    def tenant_helper(self) -> Function | None:
        """The function that returns the current tenant, where the catalog has it."""
        call = self.tenancy.current_tenant
        found = [f for f in self.catalog.functions if not f.arguments and is_helper(f.qname, call)]
        return min(found, key=lambda f: f.schema != self.default_schema, default=None)

    def once(self, compute: "Callable[[Facts], _T]") -> _T:
        """Return what `compute` says of these facts; it is asked when this is first wanted, and never again.

        For look-ups that judges of many subjects share. `compute` must be one function, not a new one
        for each call.
        """
        if compute not in self._once:
            self._once[compute] = compute(self)
        found: _T = self._once[compute]
        return found

    @cached_property
    def _once(self) -> dict[object, Any]:
        return {}

    @cached_property
    def views_by_name(self) -> Mapping[QName, View]:
        return {v.qname: v for v in self.catalog.views}

    @cached_property
    def children(self) -> Mapping[QName, tuple[Table, ...]]:
        """The direct partitions and inheritance children of each table."""
        found: dict[QName, list[Table]] = {}
        for table in self.catalog.tables:
            for parent in (*((table.parent,) if table.parent else ()), *table.inherits):
                found.setdefault(parent, []).append(table)
        return {name: tuple(tables) for name, tables in found.items()}

    def can_become(self, role: str) -> frozenset[str]:
        """Return `role` and every role it may SET ROLE to, directly or through others."""
        return self.memberships.reached_from(role)

    def rights_of(self, role: str) -> frozenset[str]:
        """Return `role`, every role it may SET ROLE to, and what each of these inherits: the roles
        whose privileges and ownership it can use."""
        return self.memberships.rights_of(role)

    def grantees_of(self, role: str) -> frozenset[str]:
        """Return the grantees whose privileges `role` can use: `rights_of` it, and PUBLIC."""
        return self.memberships.grantees_of(role)
