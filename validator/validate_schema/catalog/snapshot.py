"""A catalog in a file: JSON with a header, the same bytes for the same catalog."""

import hashlib
import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from ..model.catalog import FORMAT as FORMAT_VERSION
from ..model.catalog import Catalog
from ..model.errors import SnapshotError
from ..model.limits import require_plain, require_size

FORMAT = "validate-schema-snapshot"
_T = TypeVar("_T")


class _Header(msgspec.Struct, frozen=True):
    """What is read first, to tell a snapshot from other JSON before its content is looked at."""

    format: str = ""
    format_version: int = 0


class _File(msgspec.Struct, frozen=True):
    format: str
    format_version: int
    catalog: Catalog


def dump_snapshot(catalog: Catalog) -> bytes:
    """Return the catalog as indented JSON that `load_snapshot` reads back to an equal catalog."""
    whole = replace(catalog, format=FORMAT_VERSION)  # the file's header tells the format
    compact = msgspec.json.encode(_File(FORMAT, catalog.format, whole))
    return msgspec.json.format(compact, indent=1) + b"\n"


def load_snapshot(path: Path | str) -> Catalog:
    """Return the catalog in the file at `path`.

    What an older version did not look for is empty in it, and `Catalog.unasked` names it. Raises
    `SnapshotError`, naming the place in the file, when it cannot be read, is no snapshot, was cut short,
    or was written by a newer version.
    """
    shown = os.fspath(path)
    try:
        require_plain(shown, Path(path).stat().st_mode, SnapshotError)
        require_size(shown, Path(path).stat().st_size, "snapshot_bytes", SnapshotError)
        content = Path(path).read_bytes()
    except OSError as error:
        raise SnapshotError(f"{shown}: cannot be read: {error.strerror or error}") from None
    header = _decode(content, _Header, shown)
    if header.format != FORMAT:
        raise SnapshotError(f"{shown}: is JSON, but no snapshot (format is not {FORMAT!r})")
    if not 1 <= header.format_version <= FORMAT_VERSION:
        raise SnapshotError(
            f"{shown}: has format version {header.format_version}, this validate-schema reads 1 to"
            f" {FORMAT_VERSION}; take the snapshot again or use the version that wrote it"
        )
    return replace(_decode(content, _File, shown).catalog, format=header.format_version)


def _decode(content: bytes, shape: type[_T], shown: str) -> _T:
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        raise SnapshotError(f"{shown}: is no snapshot: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{shown}: is no snapshot: {error}") from None


def fingerprint(catalog: Catalog) -> str:
    """Return the SHA-256 (hexadecimal) of what the catalog says about the schema.

    Left out is what differs between two databases with the same schema: the server, the role that
    read it, the database's own properties, large objects, planner estimates.
    """
    tables = tuple(replace(table, estimated_rows=None) for table in catalog.tables)
    stripped: dict[str, Any] = {
        name: getattr(catalog, name)
        for name in Catalog.__struct_fields__
        if name not in ("server", "unreadable", "database", "large_objects", "format")
    }
    return hashlib.sha256(msgspec.json.encode(stripped | {"tables": tables})).hexdigest()
