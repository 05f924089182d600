"""What a report says of its own origin: target, config, commit, pipeline, time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ..catalog.snapshot import fingerprint
from ..config import LoadedConfig
from ..facts.unread import reason_of
from ..model.catalog import Catalog
from ..model.contract import Contract
from ..model.report import Provenance, RoleFacts, Target
from .commit import Commit
from .locate import shown_path
from .opened import Opened


def run_time(environ: Mapping[str, str]) -> datetime:
    """Return the time of the run in UTC; SOURCE_DATE_EPOCH (seconds) fixes it.

    Source: reproducible-builds.org, SOURCE_DATE_EPOCH specification.
    """
    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(fixed), UTC) if fixed.isdigit() else datetime.now(UTC)


def target_of(opened: Opened) -> Target:
    server = opened.catalog.server
    return Target(
        kind=opened.kind,
        server=opened.server,
        server_version=server.version,
        product=server.product,
        database=server.database,
        role=RoleFacts(
            name=server.role.name, superuser=server.role.superuser, bypassrls=server.role.bypassrls
        ),
        fingerprint=fingerprint(opened.catalog),
        stand_ins=opened.stand_ins,
        unreadable=tuple(_unread(opened.catalog)),
    )


def _unread(catalog: Catalog) -> Iterator[str]:
    yield from map(reason_of, catalog.unreadable)
    if catalog.unasked:
        yield f"{catalog.unasked}: an older version took the snapshot; take it again"


def provenance_of(
    config: LoadedConfig,
    contract: Contract,
    env: Mapping[str, str],
    *,
    command: str,
    root: Path | None,
    commit: Commit | None = None,
) -> Provenance:
    """Return the digests of what a run was told, its commit and pipeline as the environment names them, else
    the `commit` of the work tree, and its `command`; the config's path is relative to `root`, else to its
    repository."""
    import hashlib

    import msgspec

    declared = msgspec.json.encode(config.config.contract)
    if contract.sources:
        declared += msgspec.json.encode(contract)
    named = env.get("GITHUB_SHA") or env.get("CI_COMMIT_SHA") or env.get("GIT_COMMIT", "")
    known = commit if commit is not None and named in ("", commit.id) else None
    return Provenance(
        config_path=shown_path(config.path, root) if config.path else "",
        config_sha256=config.text_sha256,
        contract_sha256=hashlib.sha256(declared).hexdigest(),
        git_commit=named or (known.id if known else ""),
        git_dirty=known.dirty if known else None,
        ci_url=_ci_url(env),
        command=command,
    )


def _ci_url(env: Mapping[str, str]) -> str:
    if env.get("GITHUB_RUN_ID"):
        repository = f"{env.get('GITHUB_SERVER_URL', '')}/{env.get('GITHUB_REPOSITORY', '')}"
        return f"{repository}/actions/runs/{env['GITHUB_RUN_ID']}"
    return env.get("CI_JOB_URL") or env.get("BUILD_URL", "")
