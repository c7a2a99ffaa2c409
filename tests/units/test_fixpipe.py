"""Fixpipe moves against exact fractions; conversions in bulk against numpy and ml_dtypes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from npuemu.jit import njit
from npuemu.units.fixpipe.convert import f32_f16_portable
from tests.oracles import fixpipe_oracle as oracle
from tests.units.dma_harness import SIZES, Device, digest, randomise

Words = npt.NDArray[np.uint32]
CONVERSIONS = ["none_b32", "f32_bf16", "f32_f16", "s32_f16", "s32_s8", "f32_s8"]
ROOT = Path(__file__).resolve().parents[2]

# f32: zeros, subnormals, infinities, NaNs with payloads, f16 and bf16 ties and limits, halves.
SPECIAL_F32 = [
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x7F800000, 0xFF800000,
    0x7FC00000, 0xFFFFFFFF, 0x7F800001, 0xFF80DEAD, 0x7F7FFFFF, 0xFF7FFFFF, 0x477FE000, 0x477FEFFF,
    0x477FF000, 0x477FF001, 0x38800000, 0x387FFFFF, 0x387FE000, 0x387FF000, 0x33000000, 0x33000001,
    0x32FFFFFF, 0xB3000000, 0x33800000, 0x33C00000, 0x3F808000, 0x3F818000, 0x3F808001, 0x7F7F8000,
    0x00008000, 0x00018000, 0x3F000000, 0x3FC00000, 0x40200000, 0xBF000000, 0xC0200000, 0x42FE0000,
    0x42FF0000, 0x43000000, 0xC3008000, 0xC3010000, 0x4B000001, 0x4B7FFFFF, 0x4F000000, 0xCF000000,
]  # fmt: skip
# s32: extremes, odd numbers beyond 2**24, and values that f32 rounds onto an f16 tie.
SPECIAL_S32 = [
    0, 1, 2**31 - 1, -(2**31), -(2**31) + 1, -1, 2**24 + 1, 2**24 + 3, -(2**24) - 1,
    2**30 + 2**19 + 1, 2**30 + 2**19 - 1, 2**30 + 3 * 2**19 - 1, -(2**30) - 2**19 - 1, 65504,
    65519, 65520, 65535, 127, 128, -128, -129, 255, 257, 2049, 2051, -2049,
]  # fmt: skip
SCALES = [
    0x3F800000, 0x3F801FFF, 0x3F802000, 0xBF800000, 0x3F000000, 0x00000000, 0x80000000, 0x7F800000,
    0xFF800000, 0x7F800001, 0x7FC00000, 0xFFFFFFFF, 0x00001FFF, 0x00002000, 0x00402000, 0x807FE000,
    0x7F7FFFFF, 0x3A800000, 0x3C23D70A, 0x30000000, 0xBD4CCCCD,
]  # fmt: skip


def fill_l0c(device: Device, rng: np.random.Generator, integer: bool) -> None:
    """A mix of random bits, moderate values and special values."""
    words = device["l0c"].view(np.uint32)
    count = words.size
    if integer:
        words[:] = (
            (rng.integers(-(2**31), 2**31, count) >> rng.integers(0, 32, count))
            .astype(np.int32)
            .view(np.uint32)
        )
        special = np.array(SPECIAL_S32, np.int64).astype(np.int32).view(np.uint32)
    else:
        words[:] = rng.integers(0, 2**32, count, dtype=np.uint32)
        usual = (rng.integers(-1000, 1000, count) / 4).astype(np.float32).view(np.uint32)
        take = rng.random(count) < 0.5
        words[take] = usual[take]
        special = np.array(SPECIAL_F32, np.uint32)
    place = rng.random(count) < 0.3
    words[place] = rng.choice(special, int(place.sum()))


def draw_words(rng: np.random.Generator, count: int) -> list[int]:
    """Quantisation words: special and ordinary scales, extreme offsets, junk elsewhere."""
    words = []
    for _ in range(count):
        scale = int(rng.choice(SCALES))
        if rng.random() < 0.4:
            scale = int(np.float32(rng.normal() * 0.3).view(np.uint32))
        offset = int(rng.choice([0, 1, -1, 255, -256, int(rng.integers(-256, 256))]))
        junk = int(rng.integers(0, 2**63)) & ~(0x1FF << 37) & ~0xFFFFFFFF
        words.append(junk | (offset & 0x1FF) << 37 | scale)
    return words


def run_case(
    name: str, conv: str, m: int, n: int, quant: int, relu: bool, nz2nd: bool, core: int, seed: int
) -> None:
    """One instruction with random addresses, strides and contents."""
    rng = np.random.default_rng(seed)
    device = Device()
    fill_l0c(device, rng, conv.startswith("s32"))
    words = draw_words(rng, n)
    scale = words[0] if quant == 1 and words else 128
    if quant == 2:
        device["fb"][128 : 128 + 8 * n] = np.array(words, np.uint64).view(np.uint8)
    columns = {0: None, 1: [scale] * n, 2: words}[quant]
    size = oracle.OUTPUT_BYTES[conv]
    src = 1024 * int(rng.integers(0, 3))
    src_stride = -(-m // 16) + int(rng.integers(0, 2))
    gap = 32 * int(rng.choice([0, 1, 3]))
    width = n * size + int(rng.integers(0, 3)) * size
    dst_stride = width + gap if nz2nd else m * (64 if size == 4 else 32) + gap
    dst = 32 * int(rng.integers(0, 9))
    expected = device.copy()
    operands = (dst, src, m, n, src_stride, dst_stride, quant, scale, int(relu), int(nz2nd))
    device.run(name, CONVERSIONS.index(conv), *operands, core)
    for memory, rows, cols in parts(name, m, n, core):
        oracle.fixpipe(
            expected["l0c"], expected[memory], conv, dst, src, rows, cols, src_stride, dst_stride,
            columns, relu, nz2nd,
        )  # fmt: skip
    device.check(expected)


def parts(name: str, m: int, n: int, core: int) -> list[tuple[str, range, range]]:
    """Which rows and columns go to which memory."""
    if name != "fix_l0c_ub":
        return [(name.removeprefix("fix_l0c_"), range(m), range(n))]
    if core == 2:
        return [("ub", range(m // 2), range(n)), ("ub1", range(m // 2, m), range(n))]
    if core == 3:
        return [("ub", range(m), range(n // 2)), ("ub1", range(m), range(n // 2, n))]
    return [(("ub", "ub1")[core], range(m), range(n))]


@pytest.mark.parametrize("name", ["fix_l0c_gm", "fix_l0c_l1"])
@pytest.mark.parametrize("conv", CONVERSIONS)
@pytest.mark.parametrize("nz2nd", [True, False])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("m, n", [(1, 1), (16, 16), (33, 40), (17, 63), (40, 33)])
def test_move(name: str, conv: str, nz2nd: bool, relu: bool, m: int, n: int) -> None:
    quantised = CONVERSIONS.index(conv) > 2
    for quant in (1, 2, 0) if quantised else (0,):
        run_case(name, conv, m, n, quant, relu, nz2nd, 0, m * 100 + n + quant)


@pytest.mark.parametrize("conv", ["none_b32", "f32_bf16", "s32_s8"])
@pytest.mark.parametrize("nz2nd", [True, False])
@pytest.mark.parametrize("core, m, n", [
    (0, 19, 37), (1, 19, 37), (2, 38, 37), (2, 2, 16), (2, 64, 48), (3, 19, 32), (3, 33, 96),
])  # fmt: skip
def test_vector_memories(conv: str, nz2nd: bool, core: int, m: int, n: int) -> None:
    run_case("fix_l0c_ub", conv, m, n, 2 if conv == "s32_s8" else 0, False, nz2nd, core, m + n)


@pytest.mark.parametrize("m, n", [(0, 16), (16, 0)])
@pytest.mark.parametrize("nz2nd", [True, False])
def test_empty_tile(m: int, n: int, nz2nd: bool) -> None:
    run_case("fix_l0c_gm", "f32_bf16", m, n, 0, False, nz2nd, 0, 1)


@pytest.mark.parametrize("conv", ["none_b32", "f32_bf16", "f32_s8"])
@pytest.mark.parametrize("dst_stride", [0, 4, 32, 96])
def test_overlapping_rows_keep_the_later_one(conv: str, dst_stride: int) -> None:
    device = Device()
    fill_l0c(device, np.random.default_rng(2), False)
    expected = device.copy()
    number = CONVERSIONS.index(conv)
    device.run("fix_l0c_gm", number, 0, 0, 20, 50, 2, dst_stride, 0, 0, 0, 1)
    oracle.fixpipe(
        expected["l0c"], expected["gm"], conv, 0, 0, range(20), range(50), 2, dst_stride, None,
        False, True,
    )  # fmt: skip
    device.check(expected)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("offset", [-256, -255, -1, 0, 128, 255])
def test_bytes_at_the_edges(scale: int, offset: int) -> None:
    """Every special value with every special scale and extreme offsets, both byte conversions."""
    word = (offset & 0x1FF) << 37 | scale
    for conv, special in (
        ("f32_s8", SPECIAL_F32),
        ("s32_s8", SPECIAL_S32),
        ("s32_f16", SPECIAL_S32),
    ):
        device = Device()
        values = [v & 0xFFFFFFFF for v in special]
        row = device["l0c"].view(np.uint32).reshape(-1, 256)[:, :16]
        blocks = -(-len(values) // 16)
        padded = np.resize(np.array(values, np.uint32), blocks * 16)
        row[:blocks] = padded.reshape(blocks, 16)
        n = blocks * 16
        device.run("fix_l0c_gm", CONVERSIONS.index(conv), 0, 0, 1, n, 1, 0, 1, word, 0, 1)
        size = oracle.OUTPUT_BYTES[conv]
        got = device["gm"][: n * size].view(np.uint8 if size == 1 else np.uint16)
        want = [oracle.convert(int(v), conv, word, False) for v in padded]
        assert got.tolist() == want, conv


@njit
def convert_portable(dst, src, count):  # type: ignore[no-untyped-def]
    for i in range(count // 16):
        f32_f16_portable(dst + i * 32, src + i * 64, -32768)


def hard_words() -> Words:
    """Every f16 and bf16 value and tie, one f32 step around each, and random bits."""
    codes = np.arange(65536, dtype=np.uint16)
    halves = codes[(codes & 0x7C00) != 0x7C00].view(np.float16).astype(np.float64)
    step = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(halves), 2.0**-14))) - 10)
    ties = (halves + np.copysign(step / 2, halves)).astype(np.float32).view(np.uint32)
    exact = np.concatenate([ties, halves.astype(np.float32).view(np.uint32)])
    wide = codes.astype(np.uint32) << np.uint32(16)
    exact = np.concatenate([exact, wide, wide | np.uint32(0x8000)])
    near = np.concatenate([exact, exact + np.uint32(1), exact - np.uint32(1)])
    random = np.random.default_rng(5).integers(0, 2**32, 1 << 20, dtype=np.uint32)
    words = np.concatenate([near, random])
    return words[: words.size // 4096 * 4096]


def through_unit(words: Words, conv: str) -> npt.NDArray[np.uint16]:
    """All words through fix_l0c_gm, an L0C full at a time."""
    device, out = Device(), []
    words = np.concatenate([words, np.zeros(-words.size % (SIZES["l0c"] // 4), np.uint32)])
    for part in words.reshape(-1, SIZES["l0c"] // 4):
        device["l0c"].view(np.uint32)[:] = part
        rows = part.size // 16
        device.run("fix_l0c_gm", CONVERSIONS.index(conv), 0, 0, rows, 16, 0, 32, 0, 0, 0, 1)
        out.append(device["gm"][: part.size * 2].view(np.uint16).copy())
    return np.concatenate(out)


def canonical(words: Words, bits: npt.NDArray[np.uint16], nan: int) -> npt.NDArray[np.uint16]:
    return np.where((words & 0x7FFFFFFF) > 0x7F800000, np.uint16(nan), bits)


def test_f16_in_bulk() -> None:
    words = hard_words()
    with np.errstate(over="ignore", invalid="ignore"):
        want = canonical(words, words.view(np.float32).astype(np.float16).view(np.uint16), 0x7E00)
    assert np.array_equal(through_unit(words, "f32_f16")[: words.size], want)
    got = np.zeros(words.size, np.uint16)
    convert_portable(got.ctypes.data, words.ctypes.data, words.size)
    assert np.array_equal(got, want)


def test_bf16_in_bulk() -> None:
    words = hard_words()
    with np.errstate(over="ignore", invalid="ignore"):
        bits = words.view(np.float32).astype(ml_dtypes.bfloat16).view(np.uint16)
    assert np.array_equal(
        through_unit(words, "f32_bf16")[: words.size], canonical(words, bits, 0x7FC0)
    )


def f16_steps() -> Words:
    """Ascending: the first positive f32 word that rounds to each f16 code from 1 to infinity.

    It is the tie with the code below, or the word after the tie where that code is even.
    """
    below = np.arange(0x7C00, dtype=np.uint16)
    low = below.view(np.float16).astype(np.float64)
    high = np.append(low[1:], 65536.0)
    ties = ((low + high) / 2).astype(np.float32).view(np.uint32)
    steps: Words = ties + (below % 2 == 0).astype(np.uint32)
    return steps


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_f32_word() -> None:
    """All 2**32 words to f16 (by both ways) and to bf16."""
    steps, chunk = f16_steps(), 1 << 24
    got = np.zeros(chunk, np.uint16)
    for start in range(0, 1 << 31, chunk):
        inside = steps[(steps >= start) & (steps < start + chunk)]
        halves = np.zeros(chunk, np.uint16)
        halves[inside - np.uint32(start)] = 1
        halves = (np.cumsum(halves) + (steps < start).sum()).astype(np.uint16)
        for sign in (0, 1):
            words = np.arange(start, start + chunk, dtype=np.uint32) | np.uint32(sign << 31)
            want = canonical(words, halves | np.uint16(sign << 15), 0x7E00)
            convert_portable(got.ctypes.data, words.ctypes.data, chunk)
            assert np.array_equal(got, want), hex(start)
            assert np.array_equal(through_unit(words, "f32_f16"), want), hex(start)
            with np.errstate(over="ignore", invalid="ignore"):
                bits = words.view(np.float32).astype(ml_dtypes.bfloat16).view(np.uint16)
            want = canonical(words, bits, 0x7FC0)
            assert np.array_equal(through_unit(words, "f32_bf16"), want), hex(start)


def test_oracle_agrees_with_numpy() -> None:
    """The fractions themselves, on a sample: two definitions that share nothing."""
    words = np.random.default_rng(6).choice(hard_words(), 3000)
    with np.errstate(over="ignore", invalid="ignore"):
        halves = canonical(words, words.view(np.float32).astype(np.float16).view(np.uint16), 0x7E00)
    assert [oracle.convert(int(w), "f32_f16", None, False) for w in words] == halves.tolist()


def test_generic_cpu_gives_the_same_bits() -> None:
    """Without any CPU-specific instruction, in a process of its own."""
    settings = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NPUEMU_PORTABLE": "1"}
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    script = "from tests.units.dma_harness import digest; print(digest())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest()


def test_random_contents_all_columns() -> None:
    """A tile as large as the memory allows, scales for every column of the parameter buffer."""
    device = Device()
    rng = np.random.default_rng(9)
    randomise(device, rng, "l0c", "fb")
    expected = device.copy()
    words = [int(w) for w in device["fb"].view(np.uint64)]
    device.run("fix_l0c_l1", 5, 0, 0, 16, 512, 1, 512, 2, 0, 1, 1)
    oracle.fixpipe(
        expected["l0c"], expected["l1"], "f32_s8", 0, 0, range(16), range(512), 1, 512, words,
        True, True,
    )  # fmt: skip
    device.check(expected)
