"""Ask a service whether it is up."""

import time
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from .errors import HistoryError, UsageError

_PAUSE_SECONDS = 0.5
_LONGEST_ANSWER_SECONDS = 10.0


def require_healthy(url: str, wait_seconds: float) -> None:
    """Return once GET `url` answers 200, trying for up to `wait_seconds` while the service starts.

    Redirects are followed, certificates verified, proxies taken from the environment. Raises
    `UsageError` for a URL that cannot be asked and `HistoryError` when no 200 came in time.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise UsageError("--health takes http://host/path or https://host/path, without user and password")
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


def _ask(url: str, timeout: float) -> str:
    """Return the status of one answer, or why there was none."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.reason}".strip()
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__
