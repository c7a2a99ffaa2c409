"""Columns of integers as text in a page: deltas, variable-length bytes, deflate, base64.

A column is a run of integers within +-2**53, each zigzag-coded (0, -1, 1, -2 -> 0, 1, 2, 3) and
written seven bits a byte, low bits first, the top bit set on all bytes but the last. The columns of
a page follow each other; a directory says how many values each has.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
EXACT = 1 << 53
"""Browsers hold integers up to this exactly."""


def delta(values: NDArray[np.generic]) -> Longs:
    """The first value, then differences."""
    plain: Longs = np.asarray(values, np.int64)
    return plain - np.concatenate([[0], plain[:-1]]) if len(plain) else plain


def varints(values: NDArray[np.generic]) -> bytes:
    """The bytes of a column of integers within +-2**53."""
    plain = np.asarray(values, np.int64)
    coded = ((plain << 1) ^ (plain >> 63)).astype(np.uint64)
    lengths = np.ones(len(coded), np.int64)
    for i in range(1, 8):
        lengths += coded >> np.uint64(7 * i) != 0
    ends = np.cumsum(lengths)
    found = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    first = ends - lengths
    for i in range(int(lengths.max(initial=0))):
        some = lengths > i
        bits = (coded[some] >> np.uint64(7 * i)) & np.uint64(127)
        more = (lengths[some] > i + 1).astype(np.uint64) << np.uint64(7)
        found[first[some] + i] = bits | more
    return found.tobytes()


@dataclass
class Columns:
    """Columns by name, in the order in which they are written."""

    names: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)

    def add(self, name: str, values: NDArray[np.generic]) -> None:
        """Append a column of integers; what lies beyond +-2**53 is held there."""
        self.names.append(name)
        self.counts.append(len(values))
        self.parts.append(varints(np.clip(np.asarray(values, np.int64), -EXACT, EXACT)))

    def directory(self) -> list[tuple[str, int]]:
        """Name and number of values of each column."""
        return list(zip(self.names, self.counts, strict=True))

    def text(self) -> str:
        """All columns, deflated (with the zlib header), in base64."""
        return base64.b64encode(zlib.compress(b"".join(self.parts), 9)).decode("ascii")
