"""Which bytes a region shape means, by plain enumeration; shares nothing with
``npuemu.isa.shapes``.
"""

from __future__ import annotations

Bytes = set[int]


def linear(base: int, length: int) -> Bytes:
    """``length`` bytes."""
    return set(range(base, base + length))


def strided(base: int, count: int, length: int, stride: int) -> Bytes:
    """``count`` runs."""
    return {base + i * stride + b for i in range(count) for b in range(length)}


def nest(base: int, n1: int, s1: int, n0: int, s0: int, length: int) -> Bytes:
    """``n1`` x ``n0`` runs."""
    runs = [base + i * s1 + j * s0 for i in range(n1) for j in range(n0)]
    return {run + b for run in runs for b in range(length)}


def fractal_tile(base: int, rows: int, kf: int, row_bytes: int, nz: int) -> Bytes:
    """Row by row: row r of fractal (r // 16, j), zZ = row-major fractals, NZ = column-major."""
    found = set()
    bands = -(-rows // 16)
    for r in range(rows):
        for j in range(kf):
            position = j * bands + r // 16 if nz else r // 16 * kf + j
            start = base + position * 16 * row_bytes + r % 16 * row_bytes
            found |= set(range(start, start + row_bytes))
    return found


def l0c_tile(base: int, m: int, n: int, stride: int) -> Bytes:
    """Word by word."""
    words = [
        base + (j // 16 * stride + i // 16) * 1024 + i % 16 * 64 + j % 16 * 4
        for i in range(m)
        for j in range(n)
    ]
    return {word + b for word in words for b in range(4)}


def nz_out(base: int, m: int, n: int, c0: int, size: int, stride: int) -> Bytes:
    """Element by element."""
    elements = [
        base + j // c0 * stride + i * c0 * size + j % c0 * size for i in range(m) for j in range(n)
    ]
    return {element + b for element in elements for b in range(size)}


def vlanes(
    base: int, blk: int, rep: int, size: int, lanes: int, reps: int, last: int, counter: int
) -> Bytes:
    """Lane by lane: ``last`` lanes of every repeat, in counter mode of the final one only."""
    found = set()
    for r in range(reps):
        active = lanes if counter and r < reps - 1 else last
        for lane in range(active):
            start = base + r * rep * 32 + lane * size // 32 * blk * 32 + lane * size % 32
            found |= set(range(start, start + size))
    return found


def vpairs(base: int, blk: int, rep: int, lanes: int, reps: int, last: int, counter: int) -> Bytes:
    """Lane by lane, two of them in a byte."""
    found = set()
    for r in range(reps):
        for lane in range(lanes if counter and r < reps - 1 else last):
            found.add(base + r * rep * 32 + lane // 64 * blk * 32 + lane // 2 % 32)
    return found


def of_rows(rows: list[tuple[int, ...]]) -> Bytes:
    """The bytes of region rows (mem, write, base, n1, s1, n0, s0, length)."""
    found = set()
    for _, _, base, n1, s1, n0, s0, length in rows:
        found |= nest(base, n1, s1, n0, s0, length)
    return found
