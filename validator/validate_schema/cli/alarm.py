"""The end of a run that takes too long: an alarm, as the exception that whatever runs then is left by."""

import signal
from types import FrameType

from ..model.progress import Progress


class TimedOut(KeyboardInterrupt):
    """The whole run took too long. It is an interruption, for which psycopg cancels the running statement,
    and context managers stop servers and drop databases on the way out."""


def set_alarm(seconds: int) -> None:
    """Raise `TimedOut` in so many seconds, unless `no_alarm` is called before."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        busy = f" while {Progress.latest}" if Progress.latest else ""
        raise TimedOut(f"the run did not end within {seconds} s{busy} (--timeout, [limits] seconds)")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def no_alarm() -> None:
    """Call the alarm off."""
    signal.setitimer(signal.ITIMER_REAL, 0)
