"""SipHash-1-3 with both keys zero, as Rust's standard hasher computes it.

Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; one round for each word, three at
the end.
"""

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


def siphash13(data: bytes) -> int:
    """Return the 64-bit SipHash-1-3 of `data`, unsigned."""
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole = len(data) // 8 * 8
    last = int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, whole, 8)]
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
