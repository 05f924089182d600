"""The options of a command in groups: what stands below which heading of its --help."""

from collections import defaultdict

import click

HEADINGS = {
    "What is looked at": (
        *("database_url", "migrations", "tool", "snapshot", "config_path", "contracts", "replay"),
        *("scratch", "statement_timeout", "timeout"),
    ),
    "What is checked": ("packs", "select", "ignore", "data", "prove", "prove_live", "live"),
    "What decides": ("fail_on", "baseline", "update_baseline"),
    "What is written": (
        *("reports", "formats", "output", "repro", "min_severity", "color", "github", "quiet", "verbose"),
        *("into", "name", "force"),
    ),
}
_BY_NAME = {name: heading for heading, names in HEADINGS.items() for name in names}
_OTHERS = "Options"


class Headed(click.Command):
    """A command whose options stand below the headings of `HEADINGS`, the others below the last one."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section for each heading."""
        records: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                records[_BY_NAME.get(parameter.name or "", _OTHERS)].append(record)
        for heading in (*HEADINGS, _OTHERS):
            if records[heading]:
                with formatter.section(heading):
                    formatter.write_dl(records[heading])
