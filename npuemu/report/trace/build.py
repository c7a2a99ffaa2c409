"""From a recording to what its trace shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES
from npuemu.observe.recording import CROSS_WAIT, WAIT, Recording
from npuemu.report.trace import counters, decimate
from npuemu.report.trace.model import (
    FLAG,
    INSTRUCTION,
    ITEM,
    MERGE,
    SCALAR,
    Ints,
    Merging,
    Trace,
    Track,
    span,
)
from npuemu.report.trace.pipes import Ends, Lane, find_ends, items, lanes
from npuemu.report.trace.shapes import Shapes, core_name

Progress = Callable[[dict[str, object]], None]
MOST_KEPT = 8_000_000
"""Items that are held in memory at a time; of more, each track's are made twice."""

Facts = Mapping[str, str | int | float]


def build(
    recording: Recording, facts: Facts, budget: int, progress: Progress | None = None
) -> Trace:
    """What the trace of a recording shows, in at most about ``budget`` items.

    facts: what else is said about the run, as arguments of its own slice.
    """
    found = lanes(recording)
    ends = find_ends(recording, found)
    kept, lengths = _measure(recording, found, ends, progress)
    low, high = span(recording)
    merger = _merger(recording, decimate.limits(lengths, high - low, budget))
    made: list[NDArray[np.void]] = []
    tracks: list[Track] = []
    for number, lane in enumerate(found):
        own = merger.merge(kept[number] if kept else items(recording, lane, ends))
        if len(own):
            own["track"] = len(tracks)
            tracks.append(
                Track(lane.core, lane.pipe, core_name(lane.core, recording.cores), PIPES[lane.pipe])
            )
            made.append(own)
        _tell(progress, "trace: tracks", number + 1, len(found))
    every = np.concatenate([np.zeros(0, ITEM), *made])
    shapes = Shapes(recording, ends)
    shapes.assign(every)
    sources, targets, lost = _arrows(recording, ends, every)
    merging = Merging(len(lengths.lengths), merger.merged, merger.count, merger.limits.below, lost)
    return Trace(
        recording, _facts(recording, facts, merging), tuple(tracks), tuple(shapes.found), every,
        np.concatenate([np.zeros(0, MERGE), *merger.table]), tuple(merger.texts), sources, targets,
        (*counters.bandwidth(recording), *counters.live_bytes(recording)), merging,
    )  # fmt: skip


def _tell(progress: Progress | None, step: str, done: int, total: int) -> None:
    if progress is not None:
        progress({"step": step, "done": done, "total": total})


def _measure(
    recording: Recording, found: list[Lane], ends: Ends, progress: Progress | None
) -> tuple[list[NDArray[np.void]], decimate.Lengths]:
    """Items of every lane, or none if they are too many to keep, and the lengths of all."""
    kept: list[NDArray[np.void]] = []
    lengths: list[Ints] = []
    starts: list[Ints] = []
    count = 0
    for number, lane in enumerate(found):
        own = items(recording, lane, ends)
        lengths.append(own["stop"] - own["start"])
        starts.append(own["start"].copy())
        count += len(own)
        if count <= MOST_KEPT:
            kept.append(own)
        else:
            kept.clear()
        _tell(progress, "trace: events", number + 1, len(found))
    none, sizes = np.zeros(0, np.int64), np.array([len(own) for own in lengths], np.int64)
    every = np.concatenate([none, *lengths]), np.concatenate([none, *starts])
    return kept, decimate.Lengths(*every, sizes)


def _merger(recording: Recording, limits: decimate.Limits) -> decimate.Merger:
    vocabulary = tuple(dict.fromkeys(code.name for code in recording.code))
    numbers = {name: number for number, name in enumerate(vocabulary)}
    names = np.array([numbers[code.name] for code in recording.code], np.int64)
    return decimate.Merger(limits, recording.events["row"], names, vocabulary)


def _arrows(recording: Recording, ends: Ends, every: NDArray[np.void]) -> tuple[Ints, Ints, int]:
    """Items where arrows start and end, and how many arrows have lost an end by merging."""
    events = recording.events
    place = np.full(len(events), -1, np.int32)
    shown = np.isin(every["kind"], (INSTRUCTION, FLAG, SCALAR)) & (every["event"] >= 0)
    place[every["event"][shown]] = np.flatnonzero(shown)
    waits = np.flatnonzero((events["kind"] == WAIT) | (events["kind"] == CROSS_WAIT))
    waits = waits[events["link"][waits] >= 0]
    sets = events["link"][waits]
    behind = ends.behind[sets]
    sources = place[np.where(behind >= 0, behind, sets)]
    targets = place[ends.onward[waits]]
    both = (sources >= 0) & (targets >= 0)
    lost = int(len(waits) - both.sum())
    return sources[both].astype(np.int64), targets[both].astype(np.int64), lost


def _facts(recording: Recording, facts: Facts, merging: Merging) -> dict[str, str | int | float]:
    """Everything that the trace says about the run as a whole."""
    first, last = span(recording)
    whole = (first, last) == (0, recording.cycles)
    known: dict[str, str | int | float] = {
        "kernel": recording.kernel,
        "machine": recording.machine,
        "cycles": recording.cycles,
        "clock_mhz": recording.clock_mhz,
        "window": "all cycles" if whole else f"cycles {first} to {last}",
        "decimation": str(merging) or "nothing merged",
    }
    return dict(chain(known.items(), facts.items()))
