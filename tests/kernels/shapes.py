"""Shapes that the tests of every bundled kernel use, by kind of kernel: one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import npuemu

Params = Mapping[str, int]


@dataclass(frozen=True)
class Shapes:
    """What a kind of kernel is run with. ``refused``: parameters and what the message names."""

    small: Params
    """A few tiles, several k steps: for many runs."""
    ragged: Params
    """Tails in every direction."""
    large: Params
    """Full tiles: for what threads share."""
    awkward: tuple[Params, ...]
    refused: tuple[tuple[Params, str], ...]
    hard_cases: tuple[str, ...]
    """Names among the verify cases."""


HARD_ROWS = ("zero rows", "subnormal rows", "NaN and Inf rows")
"""K is a multiple of 64 everywhere, so that MX kernels take these shapes."""
GEMM = Shapes(
    small={"M": 33, "N": 80, "K": 192},
    ragged={"M": 70, "N": 272, "K": 320},
    large={"M": 128, "N": 512, "K": 512},
    awkward=(
        {"M": 130, "N": 272, "K": 576},
        {"M": 17, "N": 48, "K": 192},
        {"M": 1, "N": 16, "K": 64},
    ),
    refused=(({"M": 0}, "M"), ({"N": 24}, "N"), ({"K": 48}, "K"), ({"N": -16}, "N")),
    hard_cases=HARD_ROWS,
)
QUANTIZE = Shapes(
    small={"M": 33, "K": 192},
    ragged={"M": 70, "K": 320},
    large={"M": 128, "K": 4096},
    awkward=({"M": 130, "K": 576}, {"M": 17, "K": 192}, {"M": 1, "K": 64}),
    refused=(({"M": 0}, "M"), ({"K": 48}, "K"), ({"K": -64}, "K")),
    hard_cases=HARD_ROWS,
)
ATTENTION = Shapes(
    small={"H": 3, "NQ": 5, "G": 3, "KV": 150, "D": 64},
    ragged={"H": 2, "NQ": 35, "G": 2, "KV": 333, "D": 96},
    large={"H": 2, "NQ": 64, "G": 2, "KV": 512, "D": 128},
    awkward=(
        {"H": 3, "NQ": 67, "G": 2, "KV": 299, "D": 64, "CAUSAL": 1},
        {"H": 2, "NQ": 1, "G": 8, "KV": 517, "D": 128},
        {"H": 1, "NQ": 1, "G": 1, "KV": 1, "D": 32},
    ),
    refused=(({"D": 48}, "D"), ({"NQ": 0}, "NQ"), ({"KV": 0}, "KV"), ({"CAUSAL": 2}, "CAUSAL")),
    hard_cases=(),
)
_KINDS = {"gemm": GEMM, "quantize": QUANTIZE, "attn": ATTENTION}

KERNELS = [(k.name, machine) for k in npuemu.list_kernels() for machine in k.machines]
"""Every bundled kernel with each of its machines."""


def shapes(name: str) -> Shapes:
    """Of a kernel, by the first word of its name."""
    return _KINDS[name.split("_")[0]]
