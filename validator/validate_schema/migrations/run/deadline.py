"""An end for what never ends: what runs when the time is over is cancelled, as often as it takes."""

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_AGAIN_SECONDS = 1.0
_MOST = 5  # a function may catch the cancellation and go on; it cannot catch the end of its session


class Deadline:
    """Watches a connection to `database` for `seconds`; `over` once they are. Begins when it is made, until
    `end`."""

    def __init__(self, database: "Database", connection: "psycopg.Connection[Any]", seconds: float) -> None:
        self.seconds, self.over = seconds, False
        self._database, self._connection = database, connection
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        if self._ended.wait(self.seconds):
            return
        self.over = True
        for _ in range(_MOST):
            self._connection.cancel()
            if self._ended.wait(_AGAIN_SECONDS):
                return
        self._terminate()

    def _terminate(self) -> None:
        import psycopg

        try:
            with self._database.connect(autocommit=True) as other:
                other.execute(
                    "select pg_catalog.pg_terminate_backend(%s)", [self._connection.info.backend_pid]
                )
        except psycopg.Error:
            return  # whoever waits for the connection will hear of it
