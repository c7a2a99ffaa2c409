"""Fewer, longer events and regions, where a run has more than a page should hold.

Time is cut into buckets of one length. Consecutive events of a pipe that lie wholly inside one
bucket become one block that says how many there were and what they did; what is longer stays as it
is. The length is the smallest power of two that leaves few enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.observe.recording import DATA, HALT
from npuemu.report.page_html.spans import (
    BANDWIDTH,
    BANK,
    BARRIER_STALL,
    DISPATCH,
    Events,
    Longs,
    Shares,
    shares,
    track_starts,
)

BLOCK = 8
"""Kind of an event that stands for several: ``detail`` how many instructions, ``bank`` its cycles
of work, ``bandwidth`` its cycles of stalls, ``head`` the cause of most of them (-1: none)."""


@dataclass(frozen=True)
class Fewer:
    """``events``: sorted by track, links among themselves; ``origin``: index of each in the events
    that were given, for a block that of its first; ``bucket``: cycles, 1 where all were kept.
    """

    events: Events
    origin: Longs
    bucket: int


def runs(key: Longs, mergeable: NDArray[np.bool_]) -> Longs:
    """First index of every run of neighbours with one key that may merge; others stand alone."""
    if not len(key):
        return np.zeros(0, np.int64)
    same = (key[1:] == key[:-1]) & mergeable[1:] & mergeable[:-1]
    return np.flatnonzero(np.concatenate([[True], ~same]))


def _firsts(track: Longs, start: Longs, stop: Longs, kept: NDArray[np.bool_], bucket: int) -> Longs:
    inside = (start // bucket == np.maximum(start, stop - 1) // bucket) & ~kept
    buckets = int(stop.max(initial=0)) // bucket + 1
    return runs(track * buckets + start // bucket, inside)


def bucket_for(
    track: Longs, start: Longs, stop: Longs, kept: NDArray[np.bool_], limit: int
) -> tuple[int, Longs]:
    """The smallest power of two cycles that leaves at most ``limit`` runs, and their first indices.

    Spans [start, stop) are sorted by track and start; those in ``kept`` never merge.
    """
    bucket, longest = 1, max(1, int(stop.max(initial=1)))
    first = np.arange(len(start))
    while len(first) > limit and bucket < 2 * longest:
        bucket *= 2
        first = _firsts(track, start, stop, kept, bucket)
    return bucket, np.asarray(first, np.int64)


def fewer(events: Events, limit: int) -> Fewer:
    """At most about ``limit`` events (halts and ends of pipes always stay), sorted by track."""
    starts = track_starts(events)
    track = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(events))))
    kept = events["kind"] == HALT
    bucket, first = bucket_for(track, events["start"], events["end"], kept, limit)
    if bucket == 1:
        return Fewer(events, np.arange(len(events)), 1)
    sizes = np.diff(np.append(first, len(events)))
    merged = events[first].copy()
    blocks = sizes > 1
    _fill(merged, events, first, blocks, shares(events))
    place = np.repeat(np.arange(len(first)), sizes)
    linked = merged["link"] >= 0
    merged["link"][linked] = place[merged["link"][linked]]
    merged["link"][blocks] = -1
    return Fewer(merged, first, bucket)


def _fill(
    merged: Events, events: Events, first: Longs, blocks: NDArray[np.bool_], of: Shares
) -> None:
    """What blocks say, instead of what their first events said."""
    late, held = of.late.copy(), of.held.copy()
    late[first] = held[first] = 0  # what lies in front of a block is seen there
    stalls = np.stack([late, held, of.bank, of.bandwidth, of.stall])
    sums = np.add.reduceat(stalls, first, axis=1)
    waited = of.cause[_largest(of.stall, first)]
    causes = np.stack([np.full_like(waited, c) for c in (DISPATCH, BARRIER_STALL, BANK, BANDWIDTH)])
    main = np.concatenate([causes, waited[None]])[sums.argmax(axis=0), np.arange(len(first))]
    values = {
        "kind": np.full(len(first), BLOCK),
        "start": np.minimum.reduceat(events["start"], first),
        "end": np.maximum.reduceat(events["end"], first),
        "free": np.maximum.reduceat(events["end"], first),
        "detail": np.add.reduceat((events["kind"] == DATA).astype(np.int64), first),
        "bank": np.add.reduceat(of.busy, first),
        "bandwidth": sums.sum(axis=0),
        "row": events["row"][_largest(of.busy, first)],
        "head": np.where(sums.any(axis=0), main, -1),
    }
    for name, column in values.items():
        merged[name][blocks] = column[blocks]


def _largest(weight: Longs, first: Longs) -> Longs:
    """Index of the heaviest member of every run."""
    sizes = np.diff(np.append(first, len(weight)))
    run = np.repeat(np.arange(len(first)), sizes)
    order = np.lexsort((weight, run))
    return np.asarray(order[first + sizes - 1], np.int64)
