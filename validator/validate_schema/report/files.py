"""Reports as files: read a saved one, write one whole or not at all."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import msgspec

from ..model.errors import SnapshotError, UsageError
from ..model.formats import FORMATS
from ..model.limits import require_plain, require_size
from ..model.report import SCHEMA_VERSION, Report
from ..sql.ident import visible

_LONGEST = 300


class _Version(msgspec.Struct):
    schema_version: int | None = None


def format_of(destination: str) -> str:
    """Return the format that the end of a path's name means. Raises `UsageError` where it means none."""
    name = Path(destination).name.lower().removeprefix(".")  # `.md` is a hidden file, not an ending
    fitting = [(len(e), id) for id, format in FORMATS.items() for e in format.endings if name.endswith(e)]
    if fitting:
        return max(fitting)[1]
    known = " ".join(f.endings[0] for f in FORMATS.values() if f.endings and f.endings[0].startswith("."))
    raise UsageError(
        f"{destination}: cannot tell the format from the name; end it in {known}, or give --format"
    )


def json_text(report: Report) -> str:
    """Return the report as JSON: the model itself."""
    encoded = msgspec.json.encode(report, order="deterministic")
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def read_report(path: Path | str) -> Report:
    """Return the report saved as JSON at `path`.

    Raises `SnapshotError` when there is no such file, or it is no report of this version.
    """
    try:
        require_plain(path, Path(path).stat().st_mode, SnapshotError)
        require_size(path, Path(path).stat().st_size, "report_bytes", SnapshotError)
        data = Path(path).read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: cannot read: {error.strerror or error}") from None
    try:
        version = msgspec.json.decode(data, type=_Version).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{path}: not a JSON report: {_shortened(error)}") from None
    if version is None:
        raise SnapshotError(
            f"{path}: not a report: it has no schema_version (write one with --report x.json)"
        )
    if version != SCHEMA_VERSION:
        raise SnapshotError(
            f"{path}: report version {version}; this program reads version {SCHEMA_VERSION}: use the "
            "validate-schema that wrote it"
        )
    try:
        return msgspec.json.decode(data, type=Report)
    except (msgspec.ValidationError, RecursionError) as error:
        raise SnapshotError(
            f"{path}: not a report of version {SCHEMA_VERSION}: {_shortened(error)}"
        ) from None


def _shortened(error: Exception) -> str:
    """Return an error on one line, without the middle where it is long: it quotes what somebody wrote."""
    said = visible(str(error))
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST // 2]}…{said[-_LONGEST // 2 :]}"


def write(text: str, path: Path | str) -> None:
    """Write `text` as UTF-8 to `path`: the whole file or none of it.

    A regular file is replaced in one step by a temporary file of the same folder, and keeps its
    permissions; a symbolic link stays and its target is replaced. A pipe or device is written to
    directly. Raises `UsageError` when the folder is missing or anything cannot be written.
    """
    target = Path(os.path.realpath(path))
    data = text.encode("utf-8", "backslashreplace")
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except OSError as error:
        raise UsageError(f"{path}: cannot write: {_reason(error, target)}") from None


def _replace(target: Path, data: bytes) -> None:
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    import tempfile

    handle, name = tempfile.mkstemp(prefix=".validate-schema-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    current = os.umask(0o077)
    os.umask(current)
    return current


def _reason(error: OSError, target: Path) -> str:
    if target.is_dir():
        return "it is a folder"
    if not target.parent.is_dir():
        return f"the folder {target.parent} does not exist"
    return error.strerror or str(error)
