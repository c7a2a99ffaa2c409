"""exp, ln, roots, reciprocal and division are correctly rounded: samples, hard cases, all words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mpmath
import numpy as np
import numpy.typing as npt
import pytest

from tests.oracles import vector_oracle as oracle
from tests.units.test_vector import SPECIAL, Device

Words = npt.NDArray[np.uint32]
AT = 0
CHUNK = 1 << 15
NAN = 0x7FC00000

# Words whose result lies within 2^-50 of the middle of two float32: all there are.
HARD = {
    "vexp": [
        0x377EFF81, 0x39C6BE5B, 0x4001B249, 0x40315B33, 0xB3000000, 0xBAE0E25C, 0xBBF0EDF1,
        0xC16912CD,
    ],
    "vln": [
        0x064CB44B, 0x07C060FA, 0x0DC8BBA4, 0x0F61FF63, 0x111C87F8, 0x145CB6D4, 0x14907055,
        0x16C5EE7A, 0x18B06F2A, 0x1A8446CB, 0x1B81AB52, 0x1F116AB8, 0x22925AD4, 0x2423C085,
        0x28E3FA26, 0x29E6126B, 0x29FD22F8, 0x2C4C24B7, 0x2E492984, 0x3418949B, 0x38DCBE38,
        0x39C31348, 0x39C7B1F9, 0x3BF86EF0, 0x3C413D3A, 0x41178FEB, 0x464D5B2B, 0x4665A9A6,
        0x4C5D65A5, 0x4D604EBE, 0x4E85F412, 0x54AF989D, 0x5D800341, 0x5EE8984E, 0x5F64C24A,
        0x62B467BA, 0x64E27FA3, 0x65D890D3, 0x66A8C860, 0x66ABBD63, 0x6914CB96, 0x6D1F23EB,
        0x6F31A8EC, 0x7405DEE8, 0x79E7EC37, 0x7D98B8F4,
    ],
    "vrsqrt": [
        0x403A18E3,
    ],
}  # fmt: skip


def sample(name: str, count: int) -> Words:
    """Random bit patterns, half of them where the function is neither trivial nor out of range."""
    rng = np.random.default_rng(len(name))
    words = rng.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32)
    if name == "vexp":
        near = rng.uniform(-105, 90, count // 4).astype(np.float32)
        tiny = np.ldexp(rng.normal(size=count // 4), rng.integers(-28, 3, count // 4)).astype(
            np.float32
        )
        words[: count // 2] = np.concatenate([near, tiny]).view(np.uint32)
    elif name != "vrec":
        words[: count // 2] &= np.uint32(0x7FFFFFFF)
    if name == "vln":
        one = 1 + np.ldexp(rng.normal(size=count // 4), rng.integers(-24, -1, count // 4))
        words[: count // 4] = one.astype(np.float32).view(np.uint32)
    hard = HARD.get(name, [])
    around = [w + d for w in [*hard, *SPECIAL["f32"]] for d in range(-2, 3) if 0 <= w + d < 1 << 32]
    return np.concatenate(
        [words, np.array(around + [w | 1 << 31 for w in SPECIAL["f32"]], np.uint32)]
    )


def results(name: str, words: Words) -> Words:
    """The device's results, at most CHUNK at a time."""
    device, out = Device(), []
    for start in range(0, len(words), CHUNK):
        part = words[start : start + CHUNK]
        device.ub[: 4 * len(part)] = np.ascontiguousarray(part).view(np.uint8)
        assert (
            device.run(name, {"type": "f32"}, {"dst": AT, "src": AT, "rep": 0}, len(part), True)
            == 0
        )
        out.append(device.get(AT, len(part), "f32"))
    return np.concatenate(out)


@pytest.mark.parametrize("name", ["vexp", "vln", "vsqrt", "vrsqrt", "vrec"])
def test_correctly_rounded(name: str) -> None:
    words = sample(name, 100_000)
    got = results(name, words)
    for word, result in zip(words.tolist(), got.tolist(), strict=True):
        assert result == oracle.float_op(name[1:], "f32", [word]), (
            f"{name} of {word:08X}: {result:08X}"
        )


def test_special_values() -> None:
    inf, minus_inf = 0x7F800000, 0xFF800000
    for name, word, expected in [
        ("vexp", minus_inf, 0), ("vexp", inf, inf), ("vexp", 0x80000000, 0x3F800000),
        ("vln", 0, minus_inf), ("vln", 0x80000000, minus_inf), ("vln", 0x80000001, NAN),
        ("vln", minus_inf, NAN), ("vln", 0x3F800000, 0), ("vrsqrt", 0, inf),
        ("vrsqrt", 0x80000000, minus_inf),
        ("vrsqrt", 0xBF800000, NAN), ("vrsqrt", inf, 0), ("vsqrt", 0x80000000, 0x80000000),
        ("vsqrt", 0xFF800001, NAN), ("vrec", 0x80000000, minus_inf), ("vrec", 1, inf),
    ]:  # fmt: skip
        assert results(name, np.array([word], np.uint32))[0] == expected


def test_rsqrt_never_meets_a_middle() -> None:
    """float64 errs by 1.5 units at most; within 2 of a middle is one input, and it is right."""
    near = []
    for parity in (0, 1):
        words = np.arange(1 << 23, dtype=np.uint32) + np.uint32((127 + parity) << 23)
        y = 1.0 / np.sqrt(words.view(np.float32).astype(np.float64))
        distance = np.abs((y.view(np.int64) & ((1 << 29) - 1)) - (1 << 28))
        near += words[distance <= 2].tolist()
    assert near == [0x403A18E3]
    assert results("vrsqrt", np.array(near, np.uint32))[0] == oracle.float_op("rsqrt", "f32", near)


def test_division() -> None:
    rng, device, count = np.random.default_rng(3), Device(), 20_000 // 64 * 64
    words = rng.integers(0, 1 << 32, (2, 2 * count), dtype=np.uint64).astype(np.uint32)
    # Half of the quotients subnormal.
    words[0, :count] &= 0x87FFFFFF
    words[1, :count] = (words[1, :count] & 0x83FFFFFF) | 0x44000000
    for start in (0, count):
        a, b = words[:, start : start + count // 2]
        device.put(0, a, "f32")
        device.put(65536, b, "f32")
        operands = {"dst": 131072, "src0": 0, "src1": 65536, "rep": 0}
        assert device.run("vdiv", {"type": "f32"}, operands, len(a), True) == 0
        got = device.get(131072, len(a), "f32")
        expected = [
            oracle.float_op("div", "f32", [int(x), int(y)]) for x, y in zip(a, b, strict=True)
        ]
        np.testing.assert_array_equal(got, expected)


def chunks(size: int) -> Iterator[Words]:
    """All 2^32 words."""
    base = np.arange(size, dtype=np.uint32)
    for start in range(0, 1 << 32, size):
        yield base + np.uint32(start)


def reference(
    function: Callable[[npt.NDArray[np.longdouble]], npt.NDArray[np.longdouble]],
    name: str,
    words: Words,
) -> Words:
    """64-bit significands by the host, decided by mpmath where 2^-60 does not decide."""
    x = words.view(np.float32)
    with np.errstate(all="ignore"):
        y = function(x.astype(np.longdouble))
        error = np.where(np.isfinite(y), np.abs(y), 0) * np.longdouble(2.0**-60)
        low, high = (y - error).astype(np.float32), (y + error).astype(np.float32)
    out = low.view(np.uint32).copy()
    out[np.isnan(low)] = NAN
    for i in np.flatnonzero((low.view(np.uint32) != high.view(np.uint32)) & np.isfinite(y)):
        out[i] = oracle.float_op(name, "f32", [int(words[i])])
    return out


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs an 80-bit long double")
@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "rsqrt", "rec"])
def test_every_word(name: str) -> None:
    """All 2^32 inputs against the host's 80-bit functions, mpmath where those do not decide."""
    functions = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x),
                 "rec": lambda x: 1 / x}  # fmt: skip
    unit = "ln" if name == "log" else name
    assert mpmath.mp.prec >= 53
    for words in chunks(1 << 22):
        expected = reference(functions[name], unit, words)
        np.testing.assert_array_equal(results("v" + unit, words), expected, strict=True)
