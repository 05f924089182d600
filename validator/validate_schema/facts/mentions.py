"""What the config mentions, as facts for the checks that look for stale entries."""

from datetime import date

from ..config.rules import named_tables
from ..config.shape import Config
from .facts import ConfigName, SuppressionUse


def config_names(config: Config) -> tuple[ConfigName, ...]:
    """Return every table and role that the config says something about, with its key.

    Tables of the contract are left out: a missing one is a finding of its own.
    """
    expiry = {exempt.table: exempt.expires for exempt in config.tenancy.exempt}
    names = [
        ConfigName(name, where, "table", expiry.get(name) if where == "tenancy.exempt" else None)
        for where, name in named_tables(config)
    ]
    names += [ConfigName(role, "tenancy.app_roles", "role") for role in config.tenancy.app_roles or ()]
    for table, declared in sorted(config.contract.tables.items()):
        names += [
            ConfigName(role, f"contract.tables.{table}.grants", "role") for role in sorted(declared.grants)
        ]
    return tuple(dict.fromkeys(names))


def suppression_uses(config: Config) -> tuple[SuppressionUse, ...]:
    """Return the configured suppressions. A date that cannot be read keeps its text and no date."""
    return tuple(
        SuppressionUse(
            check=entry.check,
            object=entry.object,
            reason=entry.reason,
            owner=entry.owner,
            expires=_date(entry.expires),
            expires_text=entry.expires or "",
            basis=entry.basis,
        )
        for entry in config.checks.suppress
    )


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
