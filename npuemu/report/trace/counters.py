"""Curves of a trace: live bytes of every buffer, and the bandwidth of global memory."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import MEMORIES, load
from npuemu.observe.recording import DATA, Recording
from npuemu.report.trace.model import Counter, Ints, span
from npuemu.report.trace.shapes import core_name

SAMPLES = 200_000
"""Samples of all curves of live bytes together; a curve with more of them than its share shows the
peak of each of as many equal spans of time."""
BINS = 4096
"""Spans of time of the bandwidth's curves, at most; a span is a power of two of cycles."""
NARROWEST = 64
WHOLE = -1
"""Number of the core of curves that belong to all cores."""

_GM = re.compile(r"\(\s*GM\s*,")


def live_bytes(recording: Recording) -> list[Counter]:
    """Live bytes of every local memory of every core that had any.

    Bytes whose last read ended before their write did, in a race, were never live.
    """
    live = recording.live[recording.live["stop"] > recording.live["start"]]
    if not len(live):
        return []
    slots = live["slot"]
    used = np.unique(slots)
    order = np.argsort(slots, kind="stable")
    parts = np.split(order, np.searchsorted(slots[order], used[1:]))
    share = max(16, SAMPLES // max(1, len(used)))
    found = []
    for slot, part in zip(used.tolist(), parts, strict=True):
        core, memory = divmod(slot, 16)
        level = _clip(*_level(live[part]), *span(recording))
        times, values = _thin(*level, share)
        name = f"{MEMORIES[memory]} live"
        found.append(Counter(core, core_name(core, recording.cores), name, "bytes", times, values))
    return found


def _level(rows: NDArray[np.void]) -> tuple[Ints, Ints]:
    """When the sum of live bytes changes, and to what."""
    times = np.concatenate([rows["start"], rows["stop"]])
    deltas = np.concatenate([rows["bytes"], -rows["bytes"]])
    order = np.argsort(times, kind="stable")
    times, sums = times[order], np.cumsum(deltas[order])
    last = np.concatenate([times[1:] != times[:-1], [True]])
    times, sums = times[last], sums[last]
    changed = np.concatenate([[True], sums[1:] != sums[:-1]])
    return times[changed], sums[changed]


def _clip(times: Ints, values: Ints, low: int, high: int) -> tuple[Ints, Ints]:
    """The part of a curve from ``low`` to ``high``, both included."""
    first = int(np.searchsorted(times, low, "right")) - 1
    last = int(np.searchsorted(times, high, "right"))
    if first < 0:
        return times[:last], values[:last]
    times = times[first:last].copy()
    times[0] = low
    return times, values[first:last]


def _thin(times: Ints, values: Ints, most: int) -> tuple[Ints, Ints]:
    """At most ``most`` samples: the peak of every span of time that has a change."""
    if len(times) <= most:
        return times, values
    low = int(times[0])
    width = -(-(int(times[-1]) - low + 1) // most)
    part = (times - low) // width
    first = np.flatnonzero(np.concatenate([[True], part[1:] != part[:-1]]))
    entering = np.concatenate([[0], values[first[1:] - 1]])
    peaks = np.maximum(np.maximum.reduceat(values, first), entering)
    peaks[-1] = values[-1]
    return low + part[first] * width, peaks


def _directions(recording: Recording) -> dict[str, NDArray[np.bool_]]:
    """Which rows of the code read global memory, and which write it."""
    names = load().by_name
    found = {}
    for word, field in (("read", "reads"), ("write", "writes")):
        rows = []
        for code in recording.code:
            record = names.get(code.name)
            touched = getattr(record, field) if record is not None and record.is_data else ()
            rows.append(any(_GM.search(text) for text in touched))
        found[word] = np.array(rows, bool)
    return found


def bandwidth(recording: Recording) -> list[Counter]:
    """Bytes a cycle between global memory and all cores, read and written: the bytes of a transfer
    lie evenly between the end of its head and the cycle in which its pipe was free again.
    """
    events = recording.events
    moving = np.flatnonzero((events["kind"] == DATA) & (events["detail"] > 0))
    if not len(moving):
        return []
    low, high = span(recording)
    width = NARROWEST
    while width * BINS < high - low:
        width *= 2
    edges = np.arange(low, high + width, width, dtype=np.int64)
    found = []
    for word, rows in _directions(recording).items():
        chosen = moving[rows[events["row"][moving]]]
        if not len(chosen):
            continue
        begin = events["start"][chosen] + events["head"][chosen]
        stop = np.maximum(events["free"][chosen], begin + 1)
        amounts = _moved(begin, stop, events["detail"][chosen], edges)
        times, values = _steps(edges, np.append(amounts / width, 0.0))
        name = f"GM {word}"
        found.append(Counter(WHOLE, "", name, "bytes/cycle", times, values))
    return found


def _moved(start: Ints, stop: Ints, amount: Ints, edges: Ints) -> NDArray[np.float64]:
    """Bytes moved from edge to edge by transfers that move evenly from start to stop."""
    rate = amount / (stop - start)
    times = np.concatenate([start, stop])
    order = np.argsort(times, kind="stable")
    times = times[order]
    rates = np.cumsum(np.concatenate([rate, -rate])[order])
    moved = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(times))])
    return np.diff(np.interp(edges, times, moved))


def _steps(times: Ints, values: NDArray[np.float64]) -> tuple[Ints, NDArray[np.float64]]:
    """Samples that differ from the one before, to a thousandth."""
    values = np.round(values, 3) + 0.0
    changed = np.concatenate([[True], values[1:] != values[:-1]])
    return times[changed], values[changed]
