"""The Cube unit against exact integers, and its fast path against its portable one, bit for bit.

Every byte that the instruction may not use holds garbage, and the whole of L0C is compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, c_int64
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))

import cube_oracle as oracle  # noqa: E402

from npuemu.jit import compile_unit  # noqa: E402
from npuemu.units.cube import layout, mxfp8_portable, portable, resolve, resolve_range  # noqa: E402

MEMORY_BYTES = {2: 65536, 3: 65536, 4: 131072, 5: 2048, 8: 4096, 9: 4096}
L0A, L0B, L0C, BT, L0A_MX, L0B_MX = 2, 3, 4, 5, 8, 9
ZERO, ACC, BIAS = 0, 1, 2
KINDS = ("s8", "bf16", "f16", "mxfp4", "mxfp8_e4m3")
MXFP8 = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp8_e4m3_e5m2", "mxfp8_e5m2_e4m3")
TYPES = {name: number for number, name in enumerate(("s8", "bf16", "f16", "mxfp4", *MXFP8))}
HALF_KINDS = ("normal", "bits", "finite", "tiny", "edges")
MX_KINDS = (
    "mild", "bits", "edges", "low", "subnormal", "high", "narrow limits", "zero blocks",
    "zero left",
)  # fmt: skip
SCALE_RANGES = {"mild": (110, 140), "low": (0, 12), "subnormal": (45, 66), "high": (244, 255)}
EDGE_WORDS = (
    0, 0x80000000, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x3F800000, 0xBF800000, 0x7F7FFFFF,
    0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0xFFFFFFFF, 0x7FC00000, 0x33800000,
)  # fmt: skip


def aligned(size: int) -> np.ndarray:
    whole = np.empty(size + 4096, np.uint8)
    offset = -whole.ctypes.data % 4096
    return whole[offset : offset + size]


@cache
def unit(name: str, path: str) -> Any:
    """A compiled unit: its caller and the object that keeps it alive."""
    if path == "fast":
        function = resolve(name)
    elif name.startswith("mmad_mxfp8"):
        function = mxfp8_portable.mmad_mxfp8_e4m3
    else:
        function = getattr(portable, name)
    compiled = compile_unit(function)
    return CFUNCTYPE(c_int64, c_int64, c_int64, c_int64)(compiled.address), compiled


class Machine:
    """The Cube's memories and one ``mmad``; operands are placed by the written layout."""

    def __init__(self, rng: np.random.Generator, nz: bool) -> None:
        self.nz = nz
        self.memory = {number: aligned(size) for number, size in MEMORY_BYTES.items()}
        for data in self.memory.values():
            data[:] = rng.integers(0, 256, data.size, np.uint8)
        self.scratch = aligned(16 << 20)
        self.ctx, self.ops = np.zeros(64, np.int64), np.zeros(32, np.int64)
        for number, data in self.memory.items():
            self.ctx[2 * number], self.ctx[2 * number + 1] = data.ctypes.data, data.size
        self.ctx[32] = int(nz)
        self.ctx[35], self.ctx[36] = self.scratch.ctypes.data, self.scratch.size
        self.ctx[40] = 5

    def place(self, memory: int, base: int, rows: np.ndarray, outer_first: bool) -> None:
        """``rows``: raw bytes [row][byte] into fractals of 16 rows x 32 (scales: 2) bytes."""
        width = 2 if memory in (L0A_MX, L0B_MX) else 32
        outer, inner = -(-rows.shape[0] // 16), -(-rows.shape[1] // width)
        for (row, byte), value in np.ndenumerate(rows):
            i, j = row // 16, byte // width
            fractal = i * inner + j if outer_first else j * outer + i
            at = base + fractal * 16 * width + row % 16 * width + byte % width
            self.memory[memory][at] = value

    def word_places(self, dst: int, m: int, n: int) -> np.ndarray:
        """Index of every C word in L0C seen as words, [m][n]."""
        i, j = np.arange(m)[:, None], np.arange(n)[None, :]
        at = dst + (j // 16 * -(-m // 16) + i // 16) * 1024 + i % 16 * 64 + j % 16 * 4
        return np.asarray(at // 4)

    def run(self, name: str, path: str) -> tuple[np.ndarray, int]:
        """(L0C as words, wraps) after one instruction; the machine itself stays as it was."""
        before, wraps = self.memory[L0C].copy(), self.ctx[40]
        call, _ = unit(name, path)
        assert call(self.ctx.ctypes.data, self.ops.ctypes.data, 0) == 0
        result, counted = self.memory[L0C].copy().view(np.uint32), self.ctx[40] - wraps
        self.memory[L0C][:], self.ctx[40] = before, wraps
        return result, int(counted)


class Case:
    """Random operands of one product, placed in a machine. ``starts``: words [m][n]."""

    def __init__(
        self, kind: str, values: str, shape: tuple[int, ...], init: int, nz: bool, seed: int = 0
    ) -> None:
        self.rng = np.random.default_rng([seed, *shape, init, len(values)])
        self.kind, self.values, self.shape, self.init = kind, values, shape, init
        self.machine = Machine(self.rng, nz)
        m, n, k = shape
        self.a, self.b = self.operand(m, k), self.operand(n, k)
        a_base, b_base, dst, bias = 1024, 512, 2048, 128
        for memory, base, codes in ((L0A, a_base, self.a), (L0B, b_base, self.b)):
            outer_first = memory == L0A and not nz
            self.machine.place(memory, base, self.raw(codes), outer_first)
        if kind.startswith("mx"):
            self.place_scales(a_base, b_base, nz)
        places = self.machine.word_places(dst, m, n)
        self.places = places
        words = self.machine.memory[L0C].view(np.uint32)
        words[places] = self.start_words((m, n))
        row = self.start_words((n,))
        self.machine.memory[BT][bias : bias + 4 * n].view(np.uint32)[:] = row
        starts = {ZERO: np.zeros((m, n), np.uint32), ACC: words[places], BIAS: np.tile(row, (m, 1))}
        self.starts = starts[init].copy()
        self.machine.ops[8:17] = (dst, a_base, b_base, m, n, k, init, bias, TYPES[kind])

    def place_scales(self, a_base: int, b_base: int, nz: bool) -> None:
        m, n, k = self.shape
        self.a_scales, self.b_scales = self.scale_bytes(m, k // 32), self.scale_bytes(n, k // 32)
        if self.values == "narrow limits":
            # Scale products 2^-124 and 2^129 (in f32: 2^-126 and 2^127), and one step beyond.
            low = self.rng.integers(2)
            self.a_scales[:], self.b_scales[:] = (1, 129) if low else (129, 254)
            step = self.rng.integers(2)
            self.a_scales[0, 0] += 0 if low else step
            self.b_scales[0, 0] -= step if low else 0
        if self.values == "zero left":
            self.a_scales[:] %= 2
            self.a_scales[:], self.b_scales[:] = self.a_scales * 30, 140 + self.b_scales % 64
        self.machine.place(L0A_MX, a_base // 16, self.a_scales, not nz)
        self.machine.place(L0B_MX, b_base // 16, self.b_scales, False)

    def operand(self, rows: int, k: int) -> np.ndarray:
        rng = self.rng
        if self.kind == "mxfp4":
            return rng.integers(0, 16, (rows, k))
        if self.kind.startswith("mxfp8"):
            return self.fp8_operand(rows, k)
        if self.kind == "s8":
            low, high = (-128, -127) if self.values == "extreme" else (-128, 128)
            return rng.integers(low, high, (rows, k)) & 255
        bits = rng.integers(0, 65536, (rows, k))
        places = (7, 8) if self.kind == "bf16" else (10, 5)
        exponent = (bits >> places[0]) & ((1 << places[1]) - 1)
        top = (1 << places[1]) - 1
        if self.values == "normal":
            exponent = top // 2 + exponent % 9 - 4
        elif self.values == "finite":
            exponent = np.minimum(exponent, top - 1)
        elif self.values == "tiny":
            exponent = (top // 4 - 2 + exponent % 9) if self.kind == "bf16" else exponent % 2
        elif self.values == "edges":
            exponent = np.array([0, 0, 1, top // 2, top // 2, top - 1, top])[exponent % 7]
            bits &= 0x8001 if rng.integers(2) else 0xFFFF
        keep = 0x8000 | (1 << places[0]) - 1
        return bits & keep | exponent << places[0]

    def fp8_operand(self, rows: int, k: int) -> np.ndarray:
        """Codes without NaN and Inf, but for the values "bits" and "rare specials"."""
        rng = self.rng
        codes = rng.integers(0, 256, (rows, k))
        if self.values == "bits":
            return codes
        if self.values == "rare specials":
            keep = rng.random((rows, k)) < 0.999
            return np.where(keep, codes & 0x80 | codes % 0x60, codes | 0x78)
        magnitude = codes & 0x7F
        if self.values in ("mild", "narrow limits", "zero left"):
            magnitude = np.clip(rng.normal(0x48, 6, (rows, k)).astype(int), 0, 0x7B)
        if self.values == "top":
            magnitude = 0x7B - codes % 2
        if self.values == "cancel":
            pairs = np.tile(magnitude[:, ::2], 2)[:, :k]
            half = np.where(np.arange(k) % 32 < 16, 0, 0x80) if rng.integers(2) else 0
            return np.minimum(pairs, 0x7B) | half
        return codes & 0x80 | np.minimum(magnitude, 0x7B)

    def raw(self, codes: np.ndarray) -> np.ndarray:
        """Codes as stored bytes [row][byte]."""
        if self.kind == "mxfp4":
            return (codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8)
        byte = self.kind == "s8" or self.kind.startswith("mxfp8")
        return codes.astype(np.uint8 if byte else np.uint16).view(np.uint8)

    def scale_bytes(self, rows: int, blocks: int) -> np.ndarray:
        low, high = SCALE_RANGES.get(self.values, (0, 256))
        codes = self.rng.integers(low, high, (rows, blocks)).astype(np.uint8)
        if self.values == "edges":
            codes = np.array([0, 1, 2, 126, 127, 128, 253, 254, 254, 255], np.uint8)[codes % 10]
        if self.values == "zero blocks":
            codes = np.where(codes < 64, 0, 120 + codes % 10).astype(np.uint8)
        return codes

    def start_words(self, shape: tuple[int, ...]) -> np.ndarray:
        rng = self.rng
        if self.kind == "s8":
            near = rng.integers(-(2**18), 2**18, shape) + (rng.integers(2, size=shape) << 31)
            return (near & 0xFFFFFFFF).astype(np.uint32)
        words = rng.integers(0, 2**32, shape, np.uint32)
        edges = np.array(EDGE_WORDS, np.uint32)[rng.integers(0, len(EDGE_WORDS), shape)]
        return np.where(rng.integers(2, size=shape), edges, words)

    def expected(self, i: int, j: int) -> tuple[int, bool]:
        """(word, wrapped) by the oracle."""
        a, b, start = self.a[i].tolist(), self.b[j].tolist(), int(self.starts[i, j])
        if self.kind == "s8":
            return oracle.dot_s8(a, b, start)
        if self.kind == "mxfp4":
            scales = self.a_scales[i].tolist(), self.b_scales[j].tolist()
            return oracle.mx_chain(a, b, *scales, start), False
        if self.kind.startswith("mxfp8"):
            both = self.a_scales[i].tolist(), self.b_scales[j].tolist()
            return oracle.mx8_chain(self.kind, a, b, both, start), False
        return oracle.chain(getattr(oracle, self.kind), a, b, start), False

    def check(self, samples: int = 40) -> None:
        m, n, _ = self.shape
        name = f"mmad_{self.kind}"
        fast, fast_wraps = self.machine.run(name, "fast")
        plain, plain_wraps = self.machine.run(name, "portable")
        np.testing.assert_array_equal(fast, plain)
        assert fast_wraps == plain_wraps
        untouched = np.ones(fast.size, bool)
        untouched[self.places] = False
        old = self.machine.memory[L0C].view(np.uint32)
        np.testing.assert_array_equal(fast[untouched], old[untouched])
        for flat in self.rng.choice(m * n, min(samples, m * n), replace=False).tolist():
            i, j = divmod(flat, n)
            word = int(fast[self.places[i, j]])
            assert f"{word:08x}" == f"{self.expected(i, j)[0]:08x}", (i, j)
        if self.kind == "s8":
            exact = [self.expected(i, j)[1] for i in range(m) for j in range(n)]
            assert fast_wraps == sum(exact)


def layouts() -> Iterator[tuple[int, bool]]:
    for init in (ZERO, ACC, BIAS):
        for nz in (False, True):
            yield init, nz


@pytest.mark.parametrize("values", ["random", "extreme"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (17, 33, 31), (9, 48, 65), (24, 37, 96)])
def test_int8(shape: tuple[int, int, int], values: str) -> None:
    for init, nz in layouts():
        Case("s8", values, shape, init, nz).check()


@pytest.mark.parametrize("values", HALF_KINDS)
@pytest.mark.parametrize("kind", ["bf16", "f16"])
def test_half(kind: str, values: str) -> None:
    for shape in ((1, 1, 1), (3, 5, 7), (17, 33, 3), (9, 48, 33), (24, 37, 18), (8, 32, 64)):
        for init, nz in layouts():
            Case(kind, values, shape, init, nz).check(12)


@pytest.mark.parametrize("values", MX_KINDS)
def test_mxfp4(values: str) -> None:
    for shape in ((1, 1, 64), (17, 33, 128), (9, 20, 192), (24, 37, 64)):
        for init, nz in layouts():
            for seed in range(2):
                Case("mxfp4", values, shape, init, nz, seed).check(12)


@pytest.mark.parametrize("values", [*MX_KINDS, "rare specials", "top", "cancel"])
@pytest.mark.parametrize("kind", MXFP8)
def test_mxfp8(kind: str, values: str) -> None:
    for shape in ((1, 1, 64), (17, 33, 128), (9, 20, 192)):
        for init, nz in layouts():
            Case(kind, values, shape, init, nz).check(12)


@pytest.mark.parametrize("kind", [*KINDS, "mxfp8_e5m2"])
@pytest.mark.parametrize("shape", [(5, 16, 1984), (16, 17, 896), (400, 3, 64), (3, 400, 64)])
def test_long_tall_and_wide(kind: str, shape: tuple[int, int, int]) -> None:
    if kind in ("bf16", "f16") and shape[2] == 1984:
        shape = (5, 16, 1983)
    values = "random" if kind == "s8" else "mild" if kind[:2] == "mx" else "normal"
    Case(kind, values, shape, ACC, True).check(8)


def test_zero_and_subnormal_words() -> None:
    """Signs of zero, kept subnormals and the single rounding of a subnormal product."""
    one, minus, tiny = 0x3F80, 0xBF80, 0x0001
    zero, minus_zero = 0, 0x80000000
    assert oracle.chain(oracle.bf16, [0], [one], minus_zero) == zero
    assert oracle.chain(oracle.bf16, [0], [minus], minus_zero) == minus_zero
    assert oracle.chain(oracle.bf16, [tiny], [one], 0) == 0x00010000
    # 2^-150 alone rounds to zero (tie), with 2^-149 it rounds up to the even 2 * 2^-149.
    assert oracle.chain(oracle.bf16, [0x1900], [0x1B00], 0) == oracle.round32((1, -152))
    assert oracle.round32((1, -150)) == 0 and oracle.round32((3, -150)) == 2
    assert oracle.round32((2**25 - 1, 103)) == 0x7F800000


@pytest.mark.parametrize("kind", ["bf16", "f16"])
def test_every_code(kind: str) -> None:
    """All 65536 codes times one, through A and through B."""
    name, one = f"mmad_{kind}", 0x3F80 if kind == "bf16" else 0x3C00
    machine = Machine(np.random.default_rng(0), False)
    codes = np.arange(65536, dtype=np.uint32).reshape(32, 2048)
    if kind == "bf16":
        values = (codes << 16).view(np.float32)
    else:
        values = codes.astype(np.uint16).view(np.float16).astype(np.float32)
    nan = np.isnan(values)
    words = np.where(nan, 0x7FC00000, (np.where(nan, 0, values) + np.float32(0)).view(np.uint32))
    for chunk in range(32):
        for swap in (False, True):
            many, single = (L0B, L0A) if swap else (L0A, L0B)
            m, n = (1, 2048) if swap else (2048, 1)
            machine.memory[many].view(np.uint16)[0 : 2048 * 16 : 16] = codes[chunk]
            machine.memory[single].view(np.uint16)[0] = one
            machine.ops[8:16] = (0, 0, 0, m, n, 1, ZERO, 0)
            places = machine.word_places(0, m, n).ravel()
            for path in ("fast", "portable"):
                result, _ = machine.run(name, path)
                np.testing.assert_array_equal(result[places], words[chunk])


@pytest.mark.parametrize("kind", [*KINDS, "mxfp8_e4m3_e5m2"])
def test_zero_size_writes_nothing(kind: str) -> None:
    case = Case(kind, "mild" if kind[:2] == "mx" else "normal", (3, 5, 64), ACC, False)
    before = case.machine.memory[L0C].view(np.uint32).copy()
    for index in (11, 12, 13):
        kept, case.machine.ops[index] = case.machine.ops[index], 0
        for path in ("fast", "portable"):
            result, wraps = case.machine.run(f"mmad_{kind}", path)
            np.testing.assert_array_equal(result, before)
            assert wraps == 0
        case.machine.ops[index] = kept


@pytest.mark.parametrize("kind", [*KINDS, "mxfp8_e4m3_e5m2"])
def test_two_threads_share_the_columns(kind: str) -> None:
    case = Case(kind, "mild" if kind[:2] == "mx" else "normal", (40, 75, 128), ACC, False)
    machine = case.machine
    whole, wraps = machine.run(f"mmad_{kind}", "fast")
    part: Callable[..., int] = resolve_range(f"mmad_{kind}")
    ctx, ops = machine.ctx.ctypes.data, machine.ops.ctypes.data
    scratch = machine.scratch.ctypes.data
    counted = [0, 0]

    def work(index: int, low: int, high: int) -> None:
        counted[index] = part(ctx, ops, scratch + index * layout.SCRATCH_USED, low, high)

    threads = [threading.Thread(target=work, args=a) for a in ((0, 0, 48), (1, 48, 80))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(machine.memory[L0C].view(np.uint32), whole)
    assert sum(counted) == (wraps if kind == "s8" else 0)


def test_a_cpu_without_avx512_takes_the_portable_path(tmp_path: Path) -> None:
    """On a generic CPU (no fused multiply-add in hardware) the bits are the same."""
    cases = [
        ("s8", "random"),
        ("bf16", "tiny"),
        ("f16", "edges"),
        ("mxfp4", "edges"),
        ("mxfp8_e5m2", "edges"),
    ]
    code = (
        "import sys, numpy as np; sys.path.insert(0, 'tests/units'); import test_cube as t\n"
        "from npuemu.units.cube import portable, resolve\n"
        f"for kind, values in {cases}:\n"
        "    assert 'portable' in resolve('mmad_' + kind).__module__\n"
        "    case = t.Case(kind, values, (17, 18, 64), t.ACC, True)\n"
        "    print(case.machine.run('mmad_' + kind, 'fast')[0].tobytes().hex())\n"
    )
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for (kind, values), line in zip(cases, done.stdout.split(), strict=True):
        case = Case(kind, values, (17, 18, 64), ACC, True)
        assert case.machine.run(f"mmad_{kind}", "fast")[0].tobytes().hex() == line
