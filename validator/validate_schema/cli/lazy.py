"""Groups of commands that load when they are called."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from ..model.wording import did_you_mean
from .headings import Headed


class Unread(Exception):  # noqa: N818 - said of standard output, and no fault of ours
    """Nobody reads standard output to its end. click would end with 1 for it, which is a verdict."""


def refuse_stray_options(ctx: click.Context) -> None:
    """An option before the subcommand would be ignored; say so instead."""
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:
            flag = "--" + name.replace("_", "-")
            ctx.fail(
                f"{flag} belongs after the command: {ctx.command_path} {ctx.invoked_subcommand} {flag} …"
            )


class LazyGroup(Headed, click.Group):
    """A group whose commands live in modules of their own, imported when one is called.

    `--help` must not pay for psycopg, Jinja2 and the rest: the help lines stand in `lazy`, by command.
    A command's module is `prefix` and its name.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str], prefix: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy, self.prefix = lazy, prefix

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(self.lazy)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module = importlib.import_module(f"{__package__}.{self.prefix}{cmd_name}")
        command: click.Command = module.command
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError:
            raise Unread from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise Unread from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.lazy:
            ctx.fail(f"no such command: {args[0]}{did_you_mean(args[0], self.lazy)}")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self.lazy.items()))
