"""The assertions pass on what is right and say what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import npuemu
from npuemu.testing import assert_bit_exact, assert_clean, assert_cycles
from tests.testing.kernels import copy_kernel, leaky_kernel, stuck_kernel


def run(x: Any = None, dtype: str = "f32", text: str | None = None, **options: Any) -> npuemu.Run:
    """Copy `x` (drawn if not given)."""
    program = npuemu.assemble(text or copy_kernel(dtype), N=options.pop("N", 64))
    return npuemu.run(program, inputs={} if x is None else {"X": x}, **options)


def failure(check: Any, *arguments: Any, **options: Any) -> str:
    """The message with which the assertion fails."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **options)
    return str(caught.value)


def floats(*bits: int) -> np.ndarray:
    """32 float32 a row, two rows, zeros but for the first elements."""
    found = np.zeros(64, np.uint32)
    found[: len(bits)] = bits
    return found.view(np.float32).reshape(2, 32)


def test_equal_bits_pass_in_every_form() -> None:
    x = floats(0x7FC00001, 0xFFFFFFFF, 0x80000000, 0x00000001)
    done = run(x)
    assert_bit_exact(done, {"Y": x})
    assert_bit_exact(done, "Y", x)
    assert_bit_exact(done, "Y", x.astype(">f4").astype(x.dtype.newbyteorder(">")))


@pytest.mark.parametrize(
    ("actual", "expected", "distance"),
    [
        (0x80000000, 0x00000000, "the sign of zero"),
        (0x7FC00001, 0x7FC00000, "both NaN, other bits"),
        (0x3F800000, 0x7FC00000, "one is NaN"),
        (0x3F800003, 0x3F800000, "3 ULP apart"),
    ],
)
def test_one_bit_is_enough(actual: int, expected: int, distance: str) -> None:
    text = failure(assert_bit_exact, run(floats(0, actual)), {"Y": floats(0, expected)})
    lines = text.splitlines()
    assert lines[0] == "copy on ascend910b1 (N=64 BYTES=256) is not bit-exact"
    assert lines[1] == "  tensor       Y  f32 [2, 32]"
    assert lines[2] == "  differ       1 of 64 elements: row 0, column 1"
    assert lines[3] == f"  first        Y[0, 1]: {distance}"
    assert re.fullmatch(rf"    expected   \S+ +0x{expected:08X}", lines[4])
    assert re.fullmatch(rf"    actual     \S+ +0x{actual:08X}", lines[5])
    assert re.fullmatch(r"  written by   <text>:\d+:5: mov_ub_gm|.*: mov_ub_gm", lines[6])


def test_the_largest_distance_is_that_of_exact_integers() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 1 << 32, 64, np.uint32).view(np.float32).reshape(2, 32)
    y = rng.integers(0, 1 << 32, 64, np.uint32).view(np.float32).reshape(2, 32)
    best, place = -1, 0
    for i, (a, b) in enumerate(zip(x.view(np.uint32).flat, y.view(np.uint32).flat, strict=True)):
        one, other = ((-1 if v >> 31 else 1) * (int(v) & 0x7FFFFFFF) for v in (int(a), int(b)))
        if not np.isnan(x.flat[i]) and not np.isnan(y.flat[i]) and abs(one - other) > best:
            best, place = abs(one - other), i
    text = failure(assert_bit_exact, run(x), "Y", y)
    assert f"  largest      {best} ULP, at Y[{place // 32}, {place % 32}]\n" in text


def test_the_pattern_of_places_is_named() -> None:
    x = np.ones((2, 32), np.int32)
    y = x.copy()
    y[1, 8:16] = -4
    text = failure(assert_bit_exact, run(x, "s32"), "Y", y)
    assert "8 of 64 elements: row 1, columns 8-15\n" in text
    assert "largest      5 apart, at Y[1, 8]" in text


def test_unwritten_memory_is_named() -> None:
    text = copy_kernel().replace("mov_ub_gm r3, r1, len=BYTES", "mov_ub_gm r3, r1, len=BYTES / 2")
    message = failure(assert_bit_exact, run(floats(), text=text), "Y", floats())
    assert "32 of 64 elements: row 1, all 32 columns" in message
    assert "32 of them hold only ones: memory that the kernel never wrote" in message


def test_several_writers_are_candidates() -> None:
    text = copy_kernel().replace(
        "    mov_ub_gm r3, r1, len=BYTES\n",
        "    mov_ub_gm r3, r1, len=BYTES\n    pipe_barrier MTE3\n    mov_ub_gm r3, r1, len=BYTES\n",
    )
    message = failure(assert_bit_exact, run(floats(1), text=text), "Y", floats())
    assert "written by   one of\n" in message and message.count(": mov_ub_gm") == 2


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        (np.zeros((2, 32)), "tensor 'Y': expected float32, got float64"),
        (np.zeros((32, 2), np.float32), "got shape [32, 2] (transposed?)"),
        (np.zeros((2, 32), np.int32), "expected float32, got int32"),
        ("hello", "expected float32, got str"),
    ],
)
def test_type_and_shape_are_explained(golden: Any, words: str) -> None:
    text = failure(assert_bit_exact, run(floats()), {"Y": golden})
    assert "the golden value does not fit the output" in text and words in text


def test_raw_codes_stand_for_types_that_numpy_lacks() -> None:
    x = np.arange(64, dtype=np.uint16).reshape(2, 32)
    done = run(x, "bf16")
    assert_bit_exact(done, "Y", x)
    assert_bit_exact(done, "Y", x.view(ml_dtypes.bfloat16))
    x[1, 1] += 1
    assert "1 ULP apart" in failure(assert_bit_exact, done, "Y", x)
    codes = np.resize(np.arange(16, dtype=np.uint8), (2, 32))
    assert_bit_exact(run(codes, "e2m1"), "Y", codes)


def test_what_cannot_be_compared_is_refused() -> None:
    done = run(floats())
    assert "W is no output of copy; its outputs: Y" in failure(assert_bit_exact, done, {"W": 1})
    with pytest.raises(ValueError, match="nothing would be compared"):
        assert_bit_exact(done, {})
    with pytest.raises(TypeError, match="the array is missing"):
        assert_bit_exact(done, "Y")
    with pytest.raises(TypeError, match="not ndarray"):
        assert_bit_exact(done, floats())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="npu fixture"):
        assert_bit_exact(done, lambda inputs, params: {"Y": inputs["X"]})
    text = failure(assert_bit_exact, run(mode="timing"), {"Y": floats()})
    assert text.endswith("has no values to compare: it ran in timing mode")


def test_a_run_with_errors_is_neither_exact_nor_fast() -> None:
    done = run(floats(), text=stuck_kernel())
    for check, arguments, options in (
        (assert_bit_exact, ("Y", done.outputs["Y"]), {}),
        (assert_cycles, (), {"at_most": 10**9}),
    ):
        text = failure(check, done, *arguments, **options)
        assert "ended in errors" in text and "error[E110]" in text


def test_cycles() -> None:
    done = run(floats())
    n = done.cycles
    assert_cycles(done, at_most=n, at_least=n, exactly=n)
    assert_cycles(done, at_most=n + 0.5)
    text = failure(assert_cycles, done, at_most=n - 100)
    assert f"takes {n:,} cycles, wanted at most {n - 100:,}: 100 too many (" in text
    assert f"({100 / (n - 100):.1%})" in text
    assert re.search(r"0\.aiv0 +MTE2 +\d+ +\d+\.\d% +\d+\.\d%", text)
    assert "the largest stalls: 0.aiv0 MTE3 flag_MTE2 " in text
    assert "wanted at least" in failure(assert_cycles, done, at_least=n + 1)
    assert "1 too few" in failure(assert_cycles, done, exactly=n + 1)
    assert "wanted exactly" in failure(assert_cycles, done, at_most=n, exactly=n - 1)
    with pytest.raises(ValueError, match="needs at_most"):
        assert_cycles(done)
    with pytest.raises(ValueError, match="at most nan would let every run pass"):
        assert_cycles(done, at_least=1, at_most=float("nan"))


def test_clean() -> None:
    assert_clean(run(floats()))
    leaky = run(floats(), text=leaky_kernel())
    text = failure(assert_clean, leaky)
    assert "is not clean: 1 finding\n" in text
    assert "warning[W121]: flag MTE2 -> V event 3 is still up" in text
    assert_clean(leaky, allow="W121")
    assert_clean(leaky, allow=["W121"])
    assert "error[E110]" in failure(assert_clean, run(text=stuck_kernel()), allow=("W121",))
    with pytest.raises(ValueError, match="no diagnostic 'W12'; did you mean 'W12"):
        assert_clean(leaky, allow=["W12"])


@pytest.mark.parametrize("options", [{"check": False}, {"mode": "numbers"}])
def test_a_run_that_was_not_checked_is_not_clean(options: dict[str, Any]) -> None:
    text = failure(assert_clean, run(floats(), **options))
    assert "was not checked for races: run it with check=True" in text
    assert_clean(run(mode="timing"))


def test_no_pytest_is_needed() -> None:
    code = (
        "import sys; sys.modules['pytest'] = sys.modules['_pytest'] = None\n"
        "from npuemu.testing import assert_bit_exact, assert_cycles, assert_clean, Npu\n"
        "assert 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
