"""Inputs and awkward verify cases of the programs that quantise bf16 rows to MX formats."""

from __future__ import annotations

import numpy as np
from golden_cases import (
    BF16,
    Case,
    Inputs,
    non_finite_rows,
    normal_bf16,
    outlier_channels,
    random_bits,
    subnormal_rows,
)
from golden_mx import BLOCK


def inputs(params: dict[str, int], seed: int) -> Inputs:
    """A bf16 [M, K] normal."""
    m, k = (params.get(name, 256) for name in ("M", "K"))
    return {"A": normal_bf16(np.random.default_rng(seed), m, k)}


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
