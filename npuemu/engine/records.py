"""What the engine has recorded, taken out of its tables: the ledger of stalls, and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.engine import events as ev
from npuemu.engine import ledger as lg
from npuemu.engine import state as st
from npuemu.observe.recording import EVENT

Ints = NDArray[np.int64]
STALL = np.dtype(
    [
        (name, "<i8")
        for name in ("pipe", "cause", "row", "flag", "setter", "awaited", "cycles", "count")
    ]
)
"""Stalls of one kind: pipe of the launch, cause, code row that waited, flag (512 + id: a cross-core
counter; 0: none), row that raised it and row waited for (-1: none), cycles, how often."""


@dataclass
class Records:
    """Tables that were taken away, in order."""

    ledgers: list[Ints] = field(default_factory=list)
    events: list[NDArray[np.void]] = field(default_factory=list)
    values: list[Ints] = field(default_factory=list)

    def drain(self, e: Any) -> None:
        """Take everything out of the tables of state ``e``."""
        g = e.g
        if g[st.G_LEDGER_USED]:
            self.ledgers.append(e.ledger[e.ledger[:, st.Y_KEY] != 0])
            e.ledger[:] = 0
            g[st.G_LEDGER_USED] = 0
        if g[st.G_TRACE]:
            self.events.append(_events(e.trace[: g[st.G_TRACE]]))
            self.values.append(e.trace_values[: g[st.G_TRACE_VALUES]].copy())
            g[st.G_TRACE_BASE] += g[st.G_TRACE]
            g[st.G_TRACE] = g[st.G_TRACE_VALUES] = 0

    def late(self, x: int, row: int, cycles: int) -> None:
        """Pipe ``x`` starts ``cycles`` late, before code row ``row``."""
        key = 1 << 62 | x | st.STALL_DISPATCH << lg.CAUSE_SHIFT | row << lg.ROW_SHIFT
        self.ledgers.append(np.array([[key, 0, cycles, 1]], np.int64))

    def stalls(self) -> NDArray[np.void]:
        """All stalls as rows of `STALL`."""
        rows = np.concatenate([np.zeros((0, st.LEDGER_COLUMNS), np.int64), *self.ledgers])
        pairs, inverse = np.unique(rows[:, [st.Y_KEY, st.Y_WHO]], axis=0, return_inverse=True)
        found = np.zeros(len(pairs), STALL)
        key, whom = pairs[:, 0], pairs[:, 1]
        found["pipe"] = key & ((1 << lg.CAUSE_SHIFT) - 1)
        found["cause"] = key >> lg.CAUSE_SHIFT & ((1 << lg.ROW_SHIFT - lg.CAUSE_SHIFT) - 1)
        found["row"] = key >> lg.ROW_SHIFT & ((1 << lg.FLAG_SHIFT - lg.ROW_SHIFT) - 1)
        found["flag"] = key >> lg.FLAG_SHIFT & 1023
        found["setter"] = (whom & ((1 << lg.WHO_BITS) - 1)) - 1
        found["awaited"] = (whom >> lg.WHO_BITS) - 1
        np.add.at(found["cycles"], inverse.ravel(), rows[:, st.Y_CYCLES])
        np.add.at(found["count"], inverse.ravel(), rows[:, st.Y_COUNT])
        return found


def _events(rows: Ints) -> NDArray[np.void]:
    """Rows of the engine's table as `EVENT`."""
    found = np.zeros(len(rows), EVENT)
    place = rows[:, ev.E_PLACE] & ((1 << ev.KIND_SHIFT) - 1)
    found["core"], found["pipe"] = place // st.PIPES, place % st.PIPES
    found["kind"] = rows[:, ev.E_PLACE] >> ev.KIND_SHIFT
    columns = {
        "row": ev.E_ROW, "dispatch": ev.E_DISPATCH, "start": ev.E_START, "free": ev.E_FREE,
        "end": ev.E_END, "link": ev.E_LINK, "detail": ev.E_DETAIL, "bank": ev.E_BANK,
        "bandwidth": ev.E_BANDWIDTH, "head": ev.E_HEAD,
    }  # fmt: skip
    for name, column in columns.items():
        found[name] = rows[:, column]
    return found
