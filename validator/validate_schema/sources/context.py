"""What sources share while a contract is put together."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..model.secret import Secret

if TYPE_CHECKING:
    from ..scratch import Server


class SourceContext:
    """A scratch server for the sources that need one, started when it is first asked for and left
    with the block. `scratch` is the source of the server, as for `open_server`."""

    def __init__(
        self, scratch: str | Secret = "embedded", progress: Callable[[str], None] | None = None
    ) -> None:
        self.scratch = Secret(scratch)
        self.progress = progress
        self._stack = ExitStack()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server = None
        self._stack.__exit__(kind, error, trace)

    @property
    def server(self) -> "Server":
        """The scratch server. Raises `ScratchError` when there is none to be had."""
        if self._server is None:
            from ..scratch import open_server

            opened = open_server(self.scratch, key="contract", progress=self.progress)
            self._server = self._stack.enter_context(opened)
        return self._server
