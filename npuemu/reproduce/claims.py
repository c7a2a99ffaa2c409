"""The sentences of the paper on Multi-Scale Dequant (arXiv 2605.13915, version 1), as data.

A figure agrees when ours is within half a unit of its second significant digit; a limit agrees when
ours keeps it.
Nothing here is fitted to what we measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SOURCE = "Multi-Scale Dequant, arXiv 2605.13915 v1"


@dataclass(frozen=True)
class Claim:
    """A figure of the paper: as printed, and its value."""

    printed: str
    value: float

    def agrees(self, ours: float) -> bool:
        """Whether a figure of ours is the printed one, to two significant digits."""
        unit = 10.0 ** (math.floor(math.log10(self.value)) - 1)
        return abs(ours - self.value) <= unit / 2


@dataclass(frozen=True)
class Ratio:
    """A ratio that the paper states in words, and how far ours may be off."""

    printed: str
    value: float
    tolerance: float

    def agrees(self, ours: float) -> bool:
        """Whether ours is the stated ratio."""
        return abs(ours - self.value) <= self.tolerance


@dataclass(frozen=True)
class Limit:
    """A bound of the paper: as printed, and the most that ours may be in the same unit."""

    printed: str
    most: float

    def agrees(self, ours: float) -> bool:
        """Whether ours keeps the bound."""
        return ours <= self.most


INT8_BITS = Claim("~16", 16.0)
MXFP4_BITS = Claim("~6.6", 6.6)
MXFP8_BITS = Claim("5.24", 5.24)
MXFP4_GAIN = Claim("1.36", 6.6 - 5.24)
"""The difference of the two figures above, which the paper compares."""
INT8_BOUND = Limit("<= M/64516", 1.0 / 64516.0)
MXFP4_BOUND = Limit("<= alpha/64", 1.0 / 64.0)
EQUAL_TIME = Ratio("the same", 1.0, 0.02)
"""Two MXFP4 passes take the Cube time of one MXFP8 pass."""
DEQUANT_TRAFFIC = Ratio("5 M d", 5.0, 0.05)
"""A dequantised cache: read as int8, written as bf16, read as bf16."""
MSD_TRAFFIC = Ratio("2 M d", 2.0, 0.05)
"""A split query: the int8 cache read once a pass."""
CACHE_RATIO = Ratio("up to 2.5", 2.5, 0.05)
"""How much less of the cache splitting moves through global memory."""
