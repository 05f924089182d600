"""What sources share while a contract is put together."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..model.secret import Secret

if TYPE_CHECKING:
    from ..scratch import Server


class SourceContext:
    """Scratch servers for the sources that need one, started when they are first asked for and left
    with the block. `scratch` is the source of the servers, as for `open_server`."""

    def __init__(
        self, scratch: str | Secret = "embedded", progress: Callable[[str], None] | None = None
    ) -> None:
        self.scratch = Secret(scratch)
        self.progress = progress
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.clear()
        self._stack.__exit__(kind, error, trace)

    def server(self, what: str) -> "Server":
        """Return the scratch server for a source whose SQL is identified by `what`: no other one runs there,
        so that none can leave something for it. Raises `ScratchError` when there is none to be had."""
        if what not in self._servers:
            from ..scratch import open_server

            opened = open_server(
                self.scratch, key=f"contract {what}", progress=self.progress, superuser=False
            )
            self._servers[what] = self._stack.enter_context(opened)
        return self._servers[what]
