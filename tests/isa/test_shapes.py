"""Region shapes against plain enumeration of their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from npuemu.isa import shapes
from tests.isa import bytesets

FEW = settings(max_examples=150, deadline=None)
small = st.integers(0, 5)
base = st.integers(0, 5000)
stride = st.integers(0, 200)
length = st.integers(0, 70)


def rows_of(shape: Callable[..., int], *arguments: int) -> list[tuple[int, ...]]:
    """The rows that a shape appends, for a write to memory 7."""
    out: list[Any] = []
    end = shape(out, 3, 1, 7, *arguments)
    assert end == 3 + len(out) <= shapes.MAX_REGIONS
    assert all(row[:2] == (7, 1) and min(row[3], row[5], row[7]) > 0 for row in out)
    return out


def agree(shape: str, *arguments: int) -> list[tuple[int, ...]]:
    """The shape's rows mean the enumerated bytes, and lie inside their extents."""
    rows = rows_of(getattr(shapes, shape), *arguments)
    assert bytesets.of_rows(rows) == getattr(bytesets, shape)(*arguments)
    for row in rows:
        found = bytesets.of_rows([row])
        assert shapes.extent(row) == (min(found), max(found) + 1)
    return rows


def moved(rows: list[tuple[int, ...]]) -> int:
    """Bytes counted with repetition."""
    return sum(row[3] * row[5] * row[7] for row in rows)


@FEW
@given(base, length)
def test_linear(start: int, count: int) -> None:
    agree("linear", start, count)


@FEW
@given(base, small, length, stride)
def test_strided(start: int, count: int, size: int, step: int) -> None:
    rows = agree("strided", start, count, size, step)
    assert moved(rows) == count * size
    if step == size:
        assert len(rows) <= 1 and all(row[3] == row[5] == 1 for row in rows)


@FEW
@given(base, small, stride, small, stride, length)
def test_nest(start: int, n1: int, s1: int, n0: int, s0: int, size: int) -> None:
    assert moved(agree("nest", start, n1, s1, n0, s0, size)) == n1 * n0 * size


@FEW
@given(base, st.integers(0, 70), st.integers(0, 6), st.sampled_from([2, 32]), st.integers(0, 1))
def test_fractal_tile(start: int, rows: int, kf: int, row_bytes: int, nz: int) -> None:
    assert moved(agree("fractal_tile", start, rows, kf, row_bytes, nz)) == rows * kf * row_bytes


@FEW
@given(base, st.integers(0, 40), st.integers(0, 70), st.integers(0, 6))
def test_l0c_tile(start: int, m: int, n: int, step: int) -> None:
    assert moved(agree("l0c_tile", start, m, n, step)) == m * n * 4


@FEW
@given(
    base,
    st.integers(0, 40),
    st.integers(0, 70),
    st.sampled_from([(16, 2), (16, 4), (32, 1)]),
    st.integers(0, 4000),
)
def test_nz_out(start: int, m: int, n: int, kind: tuple[int, int], step: int) -> None:
    assert moved(agree("nz_out", start, m, n, *kind, step)) == m * n * kind[1]


@FEW
@given(
    base.map(lambda n: n * 32),
    small,
    st.integers(0, 40),
    st.sampled_from([(4, 64), (2, 128), (1, 256), (2, 64), (1, 128)]),
    small,
    st.integers(0, 256),
    st.integers(0, 1),
)
def test_vlanes(
    start: int, blk: int, rep: int, kind: tuple[int, int], reps: int, last: int, counter: int
) -> None:
    size, lanes = kind
    last = 0 if counter and not reps else min(last, lanes)
    agree("vlanes", start, blk, rep, size, lanes, reps, last, counter)


@FEW
@given(
    base, small, small, st.sampled_from([1, 2, 4]), st.sampled_from([64, 128]), st.integers(0, 3),
    st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1),
)  # fmt: skip
def test_active_lanes(
    start: int, blk: int, rep: int, size: int, lanes: int, reps: int, low: int, high: int
) -> None:
    out: list[Any] = []
    shapes.active_lanes(out, 1, 1, 7, start, blk, rep, size, lanes, reps, low, high)
    mask, expected = (high << 64) | (low & (2**64 - 1)), set()
    for r in range(reps):
        for lane in range(lanes):
            if mask >> lane & 1:
                at = start + r * rep * 32 + lane * size // 32 * blk * 32 + lane * size % 32
                expected |= set(range(at, at + size))
    assert bytesets.of_rows(out) == expected
    assert len(out) <= 64
