"""Ask a service whether it is up."""

import time
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from ..model.errors import HistoryError, UsageError
from ..sql.ident import visible

_PAUSE_SECONDS = 0.5
_LONGEST_ANSWER_SECONDS = 10.0


def require_healthy(url: str, wait_seconds: float) -> None:
    """Return once GET `url` answers 200, trying for up to `wait_seconds` while the service starts.

    Redirects are followed, certificates verified, proxies taken from the environment. Raises
    `UsageError` for a URL that cannot be asked and `HistoryError` when no 200 came in time.
    """
    require_url(url)
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
    deadline = time.monotonic() + wait_seconds
    while True:
        left = deadline - time.monotonic()
        said = _ask(url, max(min(left, _LONGEST_ANSWER_SECONDS), 0.1))
        if said == "200":
            return
        if deadline - time.monotonic() <= 0:
            raise HistoryError(f"{shown} did not answer 200 within {wait_seconds:g} s: {said}")
        time.sleep(min(_PAUSE_SECONDS, max(deadline - time.monotonic(), 0)))


def require_url(url: str) -> None:
    """Raise `UsageError` for a URL that cannot be asked."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:  # a port that is no number, a bracket that is not closed
        usable = None
    if not usable or parts.username is not None:
        raise UsageError("--health takes http://host/path or https://host/path, without user and password")


def _ask(url: str, timeout: float) -> str:
    """Return the status of one answer, or why there was none."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return _on_one_line(f"{error.code} {error.reason}")
    except urllib.error.URLError as error:
        return _on_one_line(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return _on_one_line(error) or type(error).__name__


def _on_one_line(said: object) -> str:
    return visible(" ".join(str(said).split()))
