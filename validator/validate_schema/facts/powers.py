"""What a role may do beside reading and writing rows under the policies: by its attributes and by the
predefined roles that it is a member of, each with what it allows, in words that end "the role may …".

Source: PostgreSQL documentation, "Role Attributes", "Predefined Roles", CREATE ROLE and the release notes of
version 16 (CREATEROLE).
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..model.catalog import Role, SystemPrivileges
from .roles import READS_ALL, WRITES_ALL

_CREATEROLE_IS_BOUND = 160000  # the first version in which CREATEROLE gives no role that others made

Grade = Literal["past the policies", "beside the policies", "in the way"]


class Power(NamedTuple):
    """Something a role may do. `what` is what it holds, `allows` what that lets it do.

    `grade`: it reaches every tenant's rows, or some that no policy guards, or can keep others from working.
    """

    what: str
    allows: str
    grade: Grade


_PREDEFINED = {
    power.what: power
    for power in (
        Power(
            "pg_execute_server_program",
            "run any program as the server's own user of the operating system, which owns all data files",
            "past the policies",
        ),
        Power(
            "pg_write_server_files",
            "overwrite every file of the server, its configuration and data among them",
            "past the policies",
        ),
        Power(
            "pg_read_server_files",
            "read every file that the server can: logs with all tenants' statements, keys, passwords",
            "past the policies",
        ),
        Power(
            READS_ALL,
            "read every table without row security, every materialized view, the hashes of all passwords"
            " (pg_authid) and sample values of all tenants' rows (pg_statistic)",
            "beside the policies",
        ),
        Power(WRITES_ALL, "change the rows of every table without row security", "beside the policies"),
        Power(
            "pg_create_subscription",
            "have this server connect to others, and take rows from them into tables",
            "in the way",
        ),
        Power("pg_maintain", "lock any table, and keep all tenants from it", "in the way"),
        Power("pg_signal_backend", "end the sessions and statements of other roles", "in the way"),
    )
}


def powers_of(role: Role, version: int, *, attributes: bool = True) -> Iterator[Power]:
    """Yield what it means to have the rights of a role; `attributes` too where it can be become, for they
    are not inherited. SUPERUSER and BYPASSRLS are not among them: `Roles.bypasses` tells. `version` is
    PostgreSQL's integer."""
    if role.name in _PREDEFINED:
        yield _PREDEFINED[role.name]
    if attributes and role.replication:
        yield Power(
            "REPLICATION",
            "copy the whole server, and read every change of every row from its log",
            "past the policies",
        )
    if attributes and role.createrole and version < _CREATEROLE_IS_BOUND:
        yield Power(
            "CREATEROLE",
            "make itself a member of every role but superusers: of owners, of roles with BYPASSRLS",
            "past the policies",
        )


# Of the server's own and of extensions: what EXECUTE, or SELECT, on it allows beside the policies. A function
# is named without its arguments.
_OF_THE_SERVER = {
    "pg_read_file": "read the files of the server, all tenants' data among them",
    "pg_read_binary_file": "read the files of the server, all tenants' data among them",
    "lo_import": "read every file that the server can",
    "lo_export": "overwrite every file of the server",
    "pg_get_wal_block_info": "read every change of every row from the server's log",
    "pg_file_write": "overwrite every file of the server",
    "dblink_connect_u": "connect as the server's own user, to this database too",
    "pg_authid": "read the hashes of all passwords",
    "pg_shadow": "read the hashes of all passwords",
    "pg_statistic": "read sample values of all tenants' rows",
    "pg_statistic_ext_data": "read sample values of all tenants' rows",
    "pg_user_mapping": "read the passwords for other servers",
    "pg_largeobject": "read every large object",
}


# The same of what anybody may name, and what gives more to a superuser.
_LENT = _OF_THE_SERVER | {
    "get_raw_page": "read the pages of every table",
    "pg_stats": "read sample values of all tenants' rows",
    "pg_stats_ext": "read sample values of all tenants' rows",
    "pg_stats_ext_exprs": "read sample values of all tenants' rows",
} | dict.fromkeys(
    ("pg_logical_slot_get_changes", "pg_logical_slot_peek_changes", "pg_logical_slot_get_binary_changes",
     "pg_logical_slot_peek_binary_changes"),
    "read every change of every row from the server's log",
)  # fmt: skip


_RUNS = "have the server run a program or a library"
_OF_PARAMETERS = {
    "session_replication_role": (
        {"SET"},
        "switch off triggers and foreign keys, guards of rows among them",
    ),
    "lo_compat_privileges": ({"SET"}, "read and change every large object"),
    "session_preload_libraries": ({"SET", "ALTER SYSTEM"}, _RUNS),
    "dynamic_library_path": ({"SET", "ALTER SYSTEM"}, _RUNS),
} | dict.fromkeys(
    ("archive_cleanup_command", "archive_command", "recovery_end_command", "restore_command",
     "shared_preload_libraries", "ssl_passphrase_command"),
    ({"ALTER SYSTEM"}, _RUNS),
)  # fmt: skip
_USES = ("EXECUTE", "SELECT")


def allowed_by(privileges: SystemPrivileges) -> str:
    """Return in words what using that object of the server lets a role do beside the policies; empty where
    it is nothing of the kind. Source: PostgreSQL documentation, "Generic File Access Functions", "Server-Side
    Functions" of large objects, dblink_connect_u, GRANT ON PARAMETER."""
    if privileges.kind == "parameter":
        return _OF_PARAMETERS.get(privileges.name, (set[str](), ""))[1]
    return _OF_THE_SERVER.get(privileges.name.partition("(")[0], "")


def lent_by(name: str) -> str:
    """Return in words what a function or catalog of the server lets a role do when something with other
    rights uses it; empty where it is nothing of the kind."""
    return _LENT.get(name, "")


def newly_allowed(privileges: SystemPrivileges) -> frozenset[str]:
    """Return whom `allowed_by` was granted to since the server was made."""
    wanted = set(_USES)
    if privileges.kind == "parameter":
        wanted = _OF_PARAMETERS.get(privileges.name, (set[str](), ""))[0]
    grantees = {g.grantee for g in privileges.grants if wanted.intersection(g.privileges)}
    return frozenset(grantees - {g.grantee for g in privileges.initial} - {privileges.owner})
