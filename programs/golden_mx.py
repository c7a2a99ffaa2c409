"""MX quantisation of activations for the golden definitions (NumPy and ml_dtypes only).

Blocks of 32 along K. alpha is the smallest power of two >= max |a| of a block, at least 2**least
(also of a block of zeros). An element is divided by the scale, which is exact but for results below
the bf16 subnormals, kept as bf16 keeps them, and rounded to the nearest code, ties to even; zeros
keep the sign. A block with a NaN or an Inf has the scale 255, and its elements are NaN before they
are rounded: code 0 of e2m1, 0x7F of e4m3.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from golden_arithmetic import BF16
from golden_cases import (
    Case,
    Inputs,
    non_finite_rows,
    normal_bf16,
    outlier_channels,
    random_bits,
    subnormal_rows,
)

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 32
NAN_SCALE = 255
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float64)


def inputs(params: dict[str, int], seed: int) -> Inputs:
    """A bf16 [M, K] normal."""
    m, k = (params.get(name, 256) for name in ("M", "K"))
    return {"A": normal_bf16(np.random.default_rng(seed), m, k)}


def _float64(a: Array) -> Array:
    """The same values; NumPy complains of signalling NaNs."""
    with np.errstate(invalid="ignore"):
        return a.astype(np.float64)


def alpha_exponents(a: Array, least: int) -> Array:
    """a bf16 [M, K] -> int64 [M, K/32]: log2 of alpha; `NAN_SCALE` + 127 where it is not finite."""
    size = np.abs(_float64(a)).reshape(len(a), -1, BLOCK).max(axis=2)
    finite = np.isfinite(size)
    fraction, exponent = np.frexp(np.where(finite, size, 1.0))  # size = fraction * 2**exponent
    exponent = np.where(fraction == 0.5, exponent - 1, exponent)
    exponent = np.where(fraction == 0.0, least, np.maximum(exponent, least))
    return np.where(finite, exponent, NAN_SCALE + 127).astype(np.int64)


def scale_codes(exponents: Array, shift: int) -> Array:
    """E8M0 codes of alpha / 2**shift."""
    nan = exponents == NAN_SCALE + 127
    return np.where(nan, NAN_SCALE, exponents - shift + 127).astype(np.uint8)


def elements(a: Array, exponents: Array, shift: int) -> Array:
    """a / (alpha / 2**shift) as bf16 values in float64 [M, K]; NaN in blocks without a scale."""
    nan = exponents == NAN_SCALE + 127
    x = _float64(a).reshape(len(a), -1, BLOCK)
    with np.errstate(all="ignore"):
        x = np.where(nan[:, :, None], np.nan, np.ldexp(x, (shift - exponents)[:, :, None]))
        x = np.where(np.abs(x) < 2.0**-126, np.rint(x * 2.0**133) * 2.0**-133, x)
    return x.reshape(a.shape)


def e2m1_codes(x: Array) -> Array:
    """float64 -> E2M1 codes: the nearest, of two the even one; NaN gives 0."""
    size = np.minimum(np.nan_to_num(np.abs(x)), E2M1[-1])
    distance = np.abs(size[..., None] - E2M1)
    # The even code of a tie first: codes 0, 2, 4, 6, then 1, 3, 5, 7.
    order = np.array([0, 2, 4, 6, 1, 3, 5, 7])
    code = order[np.argmin(distance[..., order], axis=-1)]
    signed = code | np.where(np.signbit(x), 8, 0)
    return np.where(np.isnan(x), 0, signed).astype(np.uint8)


def e2m1_values(codes: Array) -> Array:
    """E2M1 codes -> float64."""
    return np.where(codes & 8, -1.0, 1.0) * E2M1[codes & 7]


def e4m3_codes(x: Array) -> Array:
    """float64 of magnitude up to 256 -> E4M3 values, nearest even, as their ml_dtypes type."""
    codes = x.astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
    codes.view(np.uint8)[np.isnan(x)] = 0x7F
    return codes


def _powers_of_two(inputs: Inputs) -> None:
    """Blocks whose largest value is a power of two, or next to one, over the whole range."""
    flat = inputs["A"].view(np.uint16).reshape(-1, BLOCK)
    count = np.arange(len(flat))
    peak = (count * 7 % 255 << 7) + np.array([0, 1, -1])[count % 3]
    flat[:, 5] = np.clip(peak, 0, 0x7F7F)
    others = np.arange(BLOCK) != 5
    flat[:, others] = np.minimum(flat[:, others] & 0x7FFF, flat[:, 5:6]) | flat[:, others] & 0x8000


def _ties(inputs: Inputs) -> None:
    """Multiples of 1/16 up to 4, in blocks of one alpha: every tie of the formats is among them."""
    a = inputs["A"]
    steps = np.arange(a.size).reshape(a.shape) % 129 - 64
    a[:] = (steps.astype(np.float32) / np.float32(16.0)).astype(BF16)
    a[:, ::BLOCK] = np.float32(4.0)


def _least_alpha(inputs: Inputs) -> None:
    """Rows around 2**-140 ... 2**-115, where alpha stops falling."""
    for i, row in enumerate(inputs["A"]):
        row[:] = np.ldexp(row.astype(np.float64), -140 + i * 3 % 26).astype(np.float32).astype(BF16)


def _largest(inputs: Inputs) -> None:
    """Rows up to the largest finite values, where alpha is 2**128."""
    for i, row in enumerate(inputs["A"]):
        row[:] = np.clip(
            np.ldexp(row.astype(np.float64), 128 - i % 9), -3.38e38, 3.38e38
        ).astype(np.float32).astype(BF16)  # fmt: skip


def _wide_blocks(inputs: Inputs) -> None:
    """One element of a block far above the others: quotients down to zeros of both signs."""
    a = inputs["A"]
    for i in range(0, a.shape[1], BLOCK):
        a[:, i + 7] = np.float32(2.0) ** np.float32(i % 120)
        a[:, i + 1 : i + 5] = np.ldexp(a[:, i + 1 : i + 5].astype(np.float64), -(i % 200) - 20)


def _lone_specials(inputs: Inputs) -> None:
    """One NaN, Inf or -Inf in some blocks, their neighbours finite."""
    a = inputs["A"]
    for i, value in enumerate((np.nan, np.inf, -np.inf)):
        a[i % len(a), (2 * i + 1) * BLOCK % a.shape[1] + 3 * i] = np.float32(value)


def _zero_rows(inputs: Inputs) -> None:
    """A row of +0, one of -0."""
    inputs["A"][0], inputs["A"][-1] = np.float32(0.0), np.float32(-0.0)


def _zero_blocks(inputs: Inputs) -> None:
    """Blocks of zeros of either sign between others."""
    blocks = inputs["A"].reshape(len(inputs["A"]), -1, BLOCK)
    blocks[:, ::2, ::3], blocks[:, ::2, 1::3], blocks[:, ::2, 2::3] = 0.0, -0.0, 0.0


def _equal(inputs: Inputs) -> None:
    """Rows of one value each."""
    for i, row in enumerate(inputs["A"]):
        row[:] = np.float32((-1.0) ** i * 3.0**i)


def cases() -> list[Case]:
    """Awkward shapes and values for verification."""
    small = {"M": 18, "K": 192}
    shapes = {
        "default shape": {},
        "smallest": {"M": 1, "K": 64},
        "one row": {"M": 1, "K": 448},
        "17 rows": {"M": 17, "K": 128},
        "many short rows": {"M": 301, "K": 64},
        "long rows": {"M": 3, "K": 4160},
        "one long row": {"M": 1, "K": 20032},
        "several units a core": {"M": 130, "K": 1344},
    }
    edits = {
        "zero rows": _zero_rows,
        "zero blocks": _zero_blocks,
        "equal values": _equal,
        "subnormal rows": subnormal_rows,
        "NaN and Inf rows": non_finite_rows,
        "single NaN and Inf": _lone_specials,
        "random bit patterns": random_bits,
        "outlier channels": outlier_channels,
        "ties": _ties,
        "powers of two": _powers_of_two,
        "least alpha": _least_alpha,
        "largest values": _largest,
        "wide blocks": _wide_blocks,
    }
    return [
        *({"name": name, "params": params} for name, params in shapes.items()),
        *({"name": name, "params": small, "edit": edit} for name, edit in edits.items()),
    ]
