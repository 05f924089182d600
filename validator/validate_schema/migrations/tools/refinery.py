"""refinery. Sources: refinery_core, util.rs and traits/mod.rs."""

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import code, coded, whole
from ..discovery.folder import Folder
from ..records import MigrationFile
from ..rows import Row, ranks
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool, recorded_names
from ..versions import INTEGERS
from ..writing import TRANSACTION, Writing, lettered, next_lettered

_NAME = r"([UV])(\d+)__(\w+)\.sql"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``V<n>__<name>.sql`` and ``U<n>__<name>.sql`` by number; U may come late, it does not undo."""
    if not (chosen or folder.near("Cargo.toml", "refinery.toml")):
        return None
    found = [(int(m[2]), p, m) for p, m in folder.reach(_NAME, folder.every_sql)]
    if not found:
        return None
    files = [whole(folder, p, str(n), m[3], "transaction") for n, p, m in found]
    files += [code(folder, m[0], str(int(m[1])), m[2]) for m in coded(folder, r"[UV](\d+)__(\w+)\.rs")]
    files.sort(key=lambda f: (int(f.version), f.path.as_posix()))
    return Loaded(tuple(files))


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """`applied_on` is RFC 3339 text."""
    order = ranks([row["applied_on"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["name"] or "",
            checksum=row["checksum"] or "",
            applied_at=row["applied_on"] or "",
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    """Return the sums over name, version and text: with int8-versions the version is wider."""
    spelled = []
    for width in (4, 8):
        number = int(file.version).to_bytes(width, "little", signed=True)
        spelled.append(str(_siphash13(file.name.encode() + b"\xff" + number + file.raw + b"\xff")))
    return tuple(spelled)


_MASK = (1 << 64) - 1


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = (a + b) & _MASK
    b = _rotate(b, 13) ^ a
    a = _rotate(a, 32)
    c = (c + d) & _MASK
    d = _rotate(d, 16) ^ c
    a = (a + d) & _MASK
    d = _rotate(d, 21) ^ a
    c = (c + b) & _MASK
    b = _rotate(b, 17) ^ c
    return a, b, _rotate(c, 32), d


def _siphash13(data: bytes) -> int:
    """Return the 64-bit SipHash-1-3 of `data` with both keys zero, as Rust's standard hasher computes it.

    Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; one round for each word, three at
    the end.
    """
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole_ = len(data) // 8 * 8
    last = int.from_bytes(data[whole_:], "little") | (len(data) & 0xFF) << 56
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, whole_, 8)]
    for word in (*words, last):
        a, b, c, d = state
        a, b, c, d = _round(a, b, c, d ^ word)
        state = (a ^ word, b, c, d)
    a, b, c, d = state
    state = (a, b, c ^ 0xFF, d)
    for _ in range(3):
        state = _round(*state)
    a, b, c, d = state
    return a ^ b ^ c ^ d


TOOL = Tool(
    "refinery",
    "refinery",
    proves="✓ | ✓ | ✓ | ✓ SipHash | –",
    rank=14,
    layouts=(Layout(_load, "V<n>__<name>.sql", home=("Cargo.toml",)),),
    ledgers=(
        LedgerTable(
            Shape(
                "applied_on:varchar(255) version:int! name:varchar(255) checksum:varchar(255)", key="version"
            ),
            _read,
            ("applied_on", "version"),
        ),
    ),
    versions=INTEGERS,
    names=recorded_names,
    checksum=Checksum(_checksums, named=True),
    writing=Writing(TRANSACTION, lettered, version=next_lettered),
    words=ToolWords(late="refinery stops at it: give it a later version"),
)
