"""Where each event put the cycles of its pipe: own work, stalls by cause.

Works on events sorted by core, pipe and program order. A pipe's cursor is the latest end so far;
an event accounts for the cycles from there to its own end, as the engine's labels do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES
from npuemu.observe.recording import BARRIER, CROSS_WAIT, DATA, FULL, WAIT

Longs = NDArray[np.int64]
Events = NDArray[np.void]
CAUSES = (
    "dispatch", *(f"flag_{pipe}" for pipe in PIPES), "barrier", "cross_core_flag", "bank_conflict",
    "shared_bandwidth", "queue_full",
)  # fmt: skip
"""Names of stall causes, as in the report."""
(DISPATCH, FLAG) = range(2)
(BARRIER_STALL, CROSS_STALL, BANK, BANDWIDTH, QUEUE) = range(8, 13)
STALLING = (WAIT, BARRIER, CROSS_WAIT, FULL)


def by_track(events: Events) -> NDArray[np.intp]:
    """Order of the events by core, then pipe, then program order."""
    return np.lexsort((np.arange(len(events)), events["pipe"], events["core"]))


def track_starts(events: Events) -> NDArray[np.intp]:
    """Index of the first event of each pipe of each core, in sorted events."""
    key = events["core"].astype(np.int64) * 16 + events["pipe"]
    return np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else key[:0]


def advancing(events: Events) -> NDArray[np.bool_]:
    """Events up to whose end a pipe's cycles are accounted for: work, waits, barriers that held."""
    kind, long = events["kind"], events["end"] > events["start"]
    held = np.isin(kind, STALLING) & long
    return np.asarray(np.isin(kind, (DATA, WAIT, CROSS_WAIT)) | held, np.bool_)


def cursors(events: Events) -> Longs:
    """Cycle up to which earlier events of the same pipe account, 0 before the first; events sorted
    by `by_track`.
    """
    starts = track_starts(events)
    sizes = np.diff(np.append(starts, len(events)))
    # Ends of later tracks are lifted above those of earlier ones: one running maximum does for all.
    step = int(events["end"].max(initial=0)) + 1
    lift = np.repeat(np.arange(len(starts), dtype=np.int64) * step, sizes)
    reach = np.maximum.accumulate(np.where(advancing(events), events["end"], 0) + lift)
    before = np.concatenate([[0], reach[:-1]])[: len(events)] - lift
    before[starts] = 0
    return np.asarray(before, np.int64)


@dataclass(frozen=True)
class Shares:
    """Cycles of each event, int64 [events]: ``late`` up to its dispatch, ``held`` from there to its
    start (behind a barrier), ``stall`` of its own for ``cause``, ``bank``, ``bandwidth`` and
    ``busy``. Pipe S has no work here: it is what its stalls leave.
    """

    late: Longs
    held: Longs
    stall: Longs
    cause: Longs
    bank: Longs
    bandwidth: Longs
    busy: Longs

    @property
    def stalled(self) -> Longs:
        """All stall cycles."""
        return self.late + self.held + self.stall + self.bank + self.bandwidth


def shares(events: Events) -> Shares:
    """Where the cycles of sorted events went."""
    cursor, kind = cursors(events), events["kind"]
    start, end, dispatch = (events[name].astype(np.int64) for name in ("start", "end", "dispatch"))
    is_data, stalls = kind == DATA, np.isin(kind, STALLING)
    counted = advancing(events) & (events["pipe"] != PIPES.index("S"))
    gap_end = np.where(counted, start, 0)
    late = np.maximum(0, np.minimum(dispatch, gap_end) - cursor)
    held = np.maximum(0, gap_end - np.maximum(cursor, dispatch)) * counted
    stall = np.where(stalls, np.maximum(0, end - np.maximum(start, cursor)), 0)
    own = np.where(is_data, np.maximum(0, end - np.maximum(start, cursor)), 0)
    bank = np.minimum(events["bank"], own)
    bandwidth = np.minimum(events["bandwidth"], own - bank)
    cause = np.select(
        [kind == WAIT, kind == BARRIER, kind == CROSS_WAIT, kind == FULL],
        [FLAG + (events["detail"] >> 6), BARRIER_STALL, CROSS_STALL, QUEUE],
        -1,
    )
    return Shares(late, held, stall, cause, bank, bandwidth, own - bank - bandwidth)
