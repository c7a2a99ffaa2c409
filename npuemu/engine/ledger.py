"""The ledger of stalls: who waited, at which line, for what, and how long.

One row a (pipe, cause, row of the code, flag, who was waited for), found by hashing. The loop makes
room between events: `npuemu.engine.launch` takes full tables away and adds them up.
"""

from __future__ import annotations

import numpy as np

from npuemu.engine import areas as area
from npuemu.engine.state import G_LEDGER, G_LEDGER_USED, Y_COUNT, Y_CYCLES, Y_KEY, Y_WHO
from npuemu.jit import njit

CAUSE_SHIFT, ROW_SHIFT, FLAG_SHIFT = 12, 16, 36
"""Fields of a key: pipe of the launch, cause, row, flag; above them a bit that is always set."""
WHO_BITS = 20
_USED = 1 << 62


@njit(forceinline=True)
def who(setter, awaited):
    """The row that raised a flag and the row that it stood behind, -1 for none, in one word."""
    return (setter + 1) | (awaited + 1) << WHO_BITS


@njit(signature="void(int64, int64, int64, int64)")
def enter(e, key, whom, cycles):
    """Add ``cycles`` to the row of ``key`` and ``whom``."""
    mask = area.g(e)[G_LEDGER]
    mixed = (key ^ (whom * np.int64(-7046029254386353131))) * np.int64(-4417276706812531889)
    at = (mixed ^ (mixed >> 32)) & mask
    while True:
        line = area.ledger(e, at)
        if line[Y_KEY] == key and line[Y_WHO] == whom:
            break
        if line[Y_KEY] == 0:
            line[Y_KEY], line[Y_WHO] = key, whom
            area.g(e)[G_LEDGER_USED] += 1
            break
        at = (at + 1) & mask
    line[Y_CYCLES] += cycles
    line[Y_COUNT] += 1


@njit(forceinline=True)
def book(e, x, cause, row, flag, whom, cycles):
    """Pipe ``x`` has stalled for ``cycles`` at code row ``row``: into the ledger, if it is kept."""
    if area.g(e)[G_LEDGER] != 0:
        enter(
            e,
            _USED | x | cause << CAUSE_SHIFT | row << ROW_SHIFT | flag << FLAG_SHIFT,
            whom,
            cycles,
        )
