"""Double buffering, measured: how much of filling a buffer hides behind its use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.observe.holders import SLOTS_PER_CORE, buffer_of, carried, distinct, row_pipes
from npuemu.observe.recording import DATA, Recording

Longs = NDArray[np.int64]
Tensors = tuple[tuple[str, ...], ...]
Spans = tuple[Longs, Longs]
"""First cycles and ends of disjoint spans, ascending."""


@dataclass(frozen=True)
class Rotation:
    """A buffer (or several that the same lines fill with the same tensors) that one pipe fills and
    another uses.

    slot: core * 16 + memory; ``buffers``: names, empty for unnamed memory; ``writers`` and
    ``readers``: rows of the code; ``parts``: different first addresses; fill, use: cycles in which
    any of its writers (readers) was in work, from start to end; overlap: cycles of both.
    """

    slot: int
    buffers: tuple[str, ...]
    tensors: tuple[str, ...]
    writers: tuple[int, ...]
    readers: tuple[int, ...]
    parts: int
    fill: int
    use: int
    overlap: int

    @property
    def efficiency(self) -> float:
        """1: the shorter of fill and use is wholly hidden; 0: the two take turns."""
        shorter = min(self.fill, self.use)
        return self.overlap / shorter if shorter else 0.0


def union(starts: Longs, stops: Longs) -> Spans:
    """Spans [start, stop) merged where they touch or overlap."""
    kept = stops > starts
    order = np.argsort(starts[kept], kind="stable")
    starts, stops = starts[kept][order], stops[kept][order]
    if not len(starts):
        return starts, stops
    reach = np.maximum.accumulate(stops)
    first = np.flatnonzero(np.concatenate([[True], starts[1:] > reach[:-1]]))
    return starts[first], np.maximum.reduceat(stops, first)


def length(spans: Spans) -> int:
    """Cycles in disjoint spans."""
    return int((spans[1] - spans[0]).sum())


def overlap(a: Spans, b: Spans) -> int:
    """Cycles that are in both."""
    both = union(np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]))
    return length(a) + length(b) - length(both)


def rotations(recording: Recording) -> list[Rotation]:
    """All buffers that one pipe fills and another uses, by slot, then by first address."""
    live, pipes = recording.live, row_pipes(recording)
    known = (live["writer"] >= 0) & (live["reader"] >= 0) & (live["stop"] > live["start"])
    chosen = np.flatnonzero(known)
    chosen = chosen[pipes[live["writer"][chosen]] != pipes[live["reader"][chosen]]]
    tensors, names = carried(recording), buffer_of(recording)
    groups = _groups(recording, chosen, tensors, names) if len(chosen) else []
    groups.sort(key=lambda group: (live["slot"][group[0]], live["low"][group].min()))
    events = _near(recording, {int(slot) // SLOTS_PER_CORE for slot in np.unique(live["slot"])})
    return [_rotation(recording, group, tensors, names, events) for group in groups]


def _groups(
    recording: Recording, chosen: Longs, tensors: Tensors, names: NDArray[np.int32]
) -> list[Longs]:
    """Live regions that belong together: in one named buffer, or written by one line that carries
    the same tensors.
    """
    live = recording.live
    lines: dict[object, int] = {}
    line = np.array(
        [lines.setdefault((i.where, tensors[r]), len(lines)) for r, i in enumerate(recording.code)],
        np.int64,
    )
    keys = np.stack([live["slot"][chosen], line[live["writer"][chosen]], names[chosen]])
    first, place = distinct(*keys)
    combined = keys[:, first].T.tolist()
    parent: dict[tuple[str, int, int], tuple[str, int, int]] = {}

    def root(key: tuple[str, int, int]) -> tuple[str, int, int]:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for slot, text, name in combined:
        if name >= 0:
            parent[root(("line", slot, text))] = root(("buffer", slot, name))
    roots = [root(("line", slot, text)) for slot, text, _ in combined]
    number = {key: i for i, key in enumerate(dict.fromkeys(roots))}
    group = np.array([number[key] for key in roots], np.int64)[place]
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=len(number))
    return np.split(chosen[order], np.cumsum(sizes)[:-1])


def _rotation(
    recording: Recording,
    members: Longs,
    tensors: Tensors,
    names: NDArray[np.int32],
    events: dict[int, NDArray[np.void]],
) -> Rotation:
    live = recording.live[members]
    slot = int(live["slot"][0])
    writers, readers = np.unique(live["writer"]), np.unique(live["reader"])
    carries = {tensor for row in writers for tensor in tensors[row]}
    near = events[slot // SLOTS_PER_CORE]
    is_fill = np.isin(near["row"], writers) & np.isin(near["end"], live["start"])
    fill, use = (
        union(near["start"][taken], near["end"][taken])
        for taken in (is_fill, np.isin(near["row"], readers))
    )
    return Rotation(
        slot=slot,
        buffers=tuple(recording.buffers[i].name for i in np.unique(names[members]) if i >= 0),
        tensors=tuple(t.name for t in recording.tensors if t.name in carries),
        writers=tuple(writers.tolist()),
        readers=tuple(readers.tolist()),
        parts=len(np.unique(live["low"])),
        fill=length(fill),
        use=length(use),
        overlap=overlap(fill, use),
    )


def _near(recording: Recording, cores: set[int]) -> dict[int, NDArray[np.void]]:
    """Data events that can reach a core's memories: its own, and those of the cores of the other
    kind in its group.
    """
    data = recording.events[recording.events["kind"] == DATA]
    data = data[np.argsort(data["core"], kind="stable")]
    first = np.searchsorted(data["core"], np.arange(max(cores, default=0) + 4))
    found = {}
    for core in cores:
        cube = core - core % 3
        reach = range(cube, cube + 3) if core == cube else (cube, core)
        found[core] = np.concatenate([data[first[c] : first[c + 1]] for c in reach])
    return found
