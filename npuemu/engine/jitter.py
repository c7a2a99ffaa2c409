"""Other legal timings: extra cycles drawn from a seed, the same for the same seed.

No kernel may depend on how long things take. With jitter every pipe is slowed by delays of its own
scale, and so are dispatch, cross-core flags, shared bandwidth and the start of every core.
"""

from __future__ import annotations

import numpy as np

from npuemu.engine import areas as area
from npuemu.engine.state import G_JITTER
from npuemu.jit import njit

SCALES = (0, 5, 9, 12)
"""Bits of the longest delay of a pipe; which one it gets is drawn."""


@njit
def draw(seed, stream, count):
    """62 random bits: number ``count`` of a stream (two rounds of splitmix64's finaliser)."""
    x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    x ^= np.uint64(stream) * np.uint64(0xD1B54A32D192ED03)
    x += np.uint64(count) * np.uint64(0x8CB92BA72F3D8DD7)
    for _ in range(2):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return np.int64(x >> np.uint64(2))


@njit
def delay(e, stream, count):
    """Extra cycles of event ``count`` of a stream (a pipe of the launch); none without jitter."""
    seed = area.g(e)[G_JITTER]
    if seed == 0:
        return 0
    bits = SCALES[draw(seed, stream, -1) & 3]
    drawn = draw(seed, stream, count)
    if drawn & 1 or bits == 0:
        return 0
    return (drawn >> 1) & ((1 << bits) - 1)
