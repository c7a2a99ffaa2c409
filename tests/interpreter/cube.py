"""The Cube: matrix multiply-add."""

from __future__ import annotations

from collections.abc import Iterator

from tests.interpreter.arithmetic import (
    BF16,
    F16,
    F32,
    NAN_MARK,
    ONE,
    ZERO,
    Number,
    accumulate,
    add,
    decode,
    multiply,
)
from tests.interpreter.small import decode_small
from tests.interpreter.step import Step

FRACTAL = 512
ROW = 32
FP8 = {
    "mxfp8_e4m3": ("e4m3", "e4m3"),
    "mxfp8_e5m2": ("e5m2", "e5m2"),
    "mxfp8_e4m3_e5m2": ("e4m3", "e5m2"),
    "mxfp8_e5m2_e4m3": ("e5m2", "e4m3"),
}
"""Formats of A and of B."""
K0 = {"s8": 32, "bf16": 16, "f16": 16, "mxfp4": 64} | dict.fromkeys(FP8, 32)
SCALED = 64
"""Elements along k of a scale fractal."""
HALVES = (0, 1, 2, 3, 4, 6, 8, 12)
"""Magnitudes of e2m1 codes, in halves."""
NO_SCALE = 255
E8M0_BIAS = 127


def l0c_place(base: int, i: int, j: int, stride: int) -> int:
    """Address of word (i, j) of a tile in L0C, `stride` row fractals a column block."""
    return base + (j // 16 * stride + i // 16) * 1024 + i % 16 * 64 + j % 16 * 4


def _e2m1(code: int) -> int:
    return -HALVES[code & 7] if code & 8 else HALVES[code & 7]


def _elements(kind: str, row: bytes) -> list[int]:
    """Bits of the elements of a row piece; signed values for s8 and mxfp4 (in halves)."""
    if kind == "s8":
        return [b - 256 if b > 127 else b for b in row]
    if kind == "mxfp4":
        return [_e2m1(code) for b in row for code in (b & 15, b >> 4)]
    if kind in FP8:
        return list(row)
    return [row[q] | row[q + 1] << 8 for q in range(0, len(row), 2)]


class Tiles:
    """The operands of an `mmad` as rows along k: `rows` rows of A, or columns of B."""

    def __init__(self, step: Step, side: str, rows: int) -> None:
        self.step, self.kind, self.k = step, step.symbol("type"), step["k"]
        self.memory, self.base = ("L0A", step["a"]) if side == "a" else ("L0B", step["b"])
        self.by_column = side == "b" or step.machine.l0a_nz
        self.row_fractals = -(-rows // 16)
        self.k0 = K0[self.kind]
        self.columns = -(-self.k // self.k0)

    def _position(self, i: int, column: int, columns: int) -> int:
        if self.by_column:
            return column * self.row_fractals + i // 16
        return i // 16 * columns + column

    def row(self, i: int) -> list[int]:
        """Elements 0 .. k-1 of row i."""
        found: list[int] = []
        for column in range(self.columns):
            count = min(self.k0, self.k - column * self.k0)
            place = self.base + self._position(i, column, self.columns) * FRACTAL + i % 16 * ROW
            data = self.step.access.read(self.memory, place, count * ROW // self.k0)
            found += _elements(self.kind, data)
        return found

    def scales(self, i: int) -> list[int]:
        """The scale codes of row i, one for every 32 elements."""
        found: list[int] = []
        columns = self.k // SCALED
        for column in range(columns):
            place = self.base // 16 + self._position(i, column, columns) * 32 + i % 16 * 2
            found += self.step.access.read(f"{self.memory}_MX", place, 2)
        return found


def _start(step: Step, i: int, j: int) -> int:
    """Bits of the start value of word (i, j)."""
    init = step.symbol("init")
    if init == "zero":
        return 0
    if init == "bias":
        return step.access.number("BT", step["bias"] + 4 * j, 4)
    place = l0c_place(step["dst"], i, j, -(-step["m"] // 16))
    return step.access.number("L0C", place, 4)


def _integer(step: Step, a: list[int], b: list[int], start: int) -> int:
    first = start - (1 << 32) if start >> 31 else start
    total = first + sum(x * y for x, y in zip(a, b, strict=True))
    step.wraps += not -(1 << 31) <= total < 1 << 31
    return total & 0xFFFFFFFF


Scaled = tuple[list[int], list[int]]


def _blocks(a: Scaled, b: Scaled) -> Iterator[tuple[Number, Number]]:
    """The scaled dot product of every 32 elements, as a factor of one."""
    for g, (x, y) in enumerate(zip(a[1], b[1], strict=True)):
        part = slice(32 * g, 32 * g + 32)
        dot = sum(p * q for p, q in zip(a[0][part], b[0][part], strict=True))
        if NO_SCALE in (x, y):
            yield (0, NAN_MARK, 0), ONE
        else:
            yield (int(dot < 0), abs(dot), x + y - 2 * E8M0_BIAS - 2), ONE


Codes = tuple[list[Number], list[int]]


def _units(number: Number) -> int:
    """A finite fp8 element in units of 2^-16, the smallest there are."""
    sign, magnitude, exponent = number
    return (-magnitude if sign else magnitude) << (exponent + 16)


def _dot(a: list[Number], b: list[Number]) -> Number:
    """Sum of products, exact; a zero is +0."""
    if min(x[1] for x in a + b) >= 0:
        total = sum(_units(x) * _units(y) for x, y in zip(a, b, strict=True))
        return int(total < 0), abs(total), -32
    dot = ZERO
    for x, y in zip(a, b, strict=True):
        dot = add(dot, multiply(x, y))
    return dot


def _sums(a: Codes, b: Codes) -> Iterator[tuple[Number, Number]]:
    """The same for floating-point elements, NaN and Inf among them."""
    for g, (x, y) in enumerate(zip(a[1], b[1], strict=True)):
        part = slice(32 * g, 32 * g + 32)
        if NO_SCALE in (x, y):
            yield (0, NAN_MARK, 0), ONE
        else:
            sign, magnitude, exponent = _dot(a[0][part], b[0][part])
            yield (sign, magnitude, exponent + x + y - 2 * E8M0_BIAS), ONE


def mmad(step: Step) -> None:
    """C = start + A x B, in the machine's accumulation model."""
    kind, m, n = step.symbol("type"), step["m"], step["n"]
    if 0 in (m, n, step["k"]):
        return
    tile_a, tile_b = Tiles(step, "a", m), Tiles(step, "b", n)
    a, b = [tile_a.row(i) for i in range(m)], [tile_b.row(j) for j in range(n)]
    starts = [[_start(step, i, j) for j in range(n)] for i in range(m)]
    if kind == "s8":
        words = [[_integer(step, a[i], b[j], starts[i][j]) for j in range(n)] for i in range(m)]
    elif kind == "mxfp4":
        sa, sb = [tile_a.scales(i) for i in range(m)], [tile_b.scales(j) for j in range(n)]
        words = [
            [accumulate(starts[i][j], _blocks((a[i], sa[i]), (b[j], sb[j]))) for j in range(n)]
            for i in range(m)
        ]
    elif kind in FP8:
        sa, sb = [tile_a.scales(i) for i in range(m)], [tile_b.scales(j) for j in range(n)]
        left = [[decode_small(FP8[kind][0], code) for code in row] for row in a]
        right = [[decode_small(FP8[kind][1], code) for code in row] for row in b]
        words = [
            [accumulate(starts[i][j], _sums((left[i], sa[i]), (right[j], sb[j]))) for j in range(n)]
            for i in range(m)
        ]
    else:
        fmt = {"bf16": BF16, "f16": F16}[kind]
        left = [[decode(fmt, bits) for bits in row] for row in a]
        right = [[decode(fmt, bits) for bits in row] for row in b]
        words = [
            [accumulate(starts[i][j], zip(left[i], right[j], strict=True)) for j in range(n)]
            for i in range(m)
        ]
    for i in range(m):
        for j in range(n):
            place = l0c_place(step["dst"], i, j, -(-m // 16))
            step.access.write("L0C", place, words[i][j].to_bytes(4, "little"))


UNITS = {"mmad": mmad}
__all__ = ["F32", "UNITS", "l0c_place", "mmad"]
