"""What a trace shows, whatever the file: tracks, items on them, arrows between them, counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.observe.recording import Recording

Ints = NDArray[np.int64]

(INSTRUCTION, STALL, FLAG, SCALAR, MERGED) = range(5)
CATEGORIES = ("instruction", "stall", "flag", "scalar", "merged")

ALL_CORES = "all cores"
"""Track of the run as a whole, and of curves that belong to no core."""

(NO_CAUSE, DISPATCH, WAITED) = range(3)

ITEM = np.dtype(
    [
        ("track", "<i4"),  # index in Trace.tracks
        ("shape", "<i4"),  # index in Trace.shapes
        ("kind", "i1"),
        ("cause", "i1"),  # of a stall: dispatch, or what its event says
        ("event", "<i8"),  # where it comes from; scalar: the wait before it; -1: from none
        ("extra", "<i8"),  # scalar: instructions put into queues; merged: row of Trace.merged
        ("start", "<i8"),
        ("stop", "<i8"),
    ]
)
"""One thing on a track, in cycles; ``start`` = ``stop`` is a moment, everything else a slice.
Slices of one track do not overlap; moments may lie inside them."""

MERGE = np.dtype(
    [
        ("instructions", "<i8"),
        ("stalls", "<i8"),
        ("busy", "<i8"),  # cycles in instructions
        ("stalled", "<i8"),
        ("name", "<i8"),  # index in Trace.texts
        ("text", "<i8"),  # the same: its most frequent mnemonics
    ]
)
"""What a merged slice stands for."""

TIMES = ("start", "free", "end", "dispatch", "head", "bank", "bandwidth", "detail")
TIME_KEYS = (
    "start", "free", "end", "dispatch", "head", "bank_conflict", "shared_bandwidth", "gm_bytes",
)  # fmt: skip
"""Fields of an instruction's event, and their names as arguments of its slice."""
OPTIONAL = ("head", "bank_conflict", "shared_bandwidth", "gm_bytes")
"""Arguments that are left out where they are zero in all slices at hand."""
TEXT_KEY = "mostly"
"""The one argument whose values are indices in `Trace.texts`."""
MERGE_KEYS = ("instructions", "stalls", "busy", "stalled", "busy_percent", TEXT_KEY)


@dataclass(frozen=True)
class Track:
    """A lane: the core it belongs to and its name; both in the order in which they are shown."""

    core: int
    pipe: int
    process: str
    name: str


@dataclass(frozen=True)
class Shape:
    """What all items of one sort share.

    name: empty if it differs; fixed: arguments that are the same in all of them; keys: arguments
    that are not, all integers.
    """

    kind: int
    name: str
    fixed: tuple[tuple[str, str | int], ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def category(self) -> str:
        """What people filter by."""
        return CATEGORIES[self.kind]


@dataclass(frozen=True)
class Counter:
    """A curve: ``values`` hold from ``times`` (cycles, ascending) on."""

    core: int
    process: str
    name: str
    unit: str
    times: Ints
    values: NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True)
class Merging:
    """What was merged to keep the file small: items of the run, those of them that were merged,
    and the slices that stand for these; ``below``: only items shorter than that (cycles).
    """

    items: int = 0
    merged: int = 0
    slices: int = 0
    below: int = 0
    arrows: int = 0

    def __str__(self) -> str:
        """One line for people; empty when nothing was merged."""
        if not self.merged:
            return ""
        return (
            f"{self.merged:,} of {self.items:,} slices, each shorter than {self.below:,} cycles, "
            f"merged into {self.slices:,}; {self.arrows:,} arrows left out"
        )


def span(recording: Recording) -> tuple[int, int]:
    """The cycles [first, last) of the window as far as the run went; none: ``first`` twice."""
    first, last = recording.window
    return first, max(first, min(last, recording.cycles))


@dataclass(frozen=True)
class Trace:
    """Everything a writer needs. ``items`` are sorted by track, on it in program order.

    sources, targets: items in which arrow number i starts and ends.
    """

    recording: Recording
    facts: dict[str, str | int | float]
    tracks: tuple[Track, ...]
    shapes: tuple[Shape, ...]
    items: NDArray[np.void]
    merged: NDArray[np.void]
    texts: tuple[str, ...]
    sources: Ints
    targets: Ints
    counters: tuple[Counter, ...]
    merging: Merging

    @property
    def span(self) -> tuple[int, int]:
        """First and last cycle shown: the window as far as the run went."""
        return span(self.recording)

    def arguments(self, shape: Shape, chosen: Ints) -> tuple[tuple[str, ...], list[Ints]]:
        """Names and values of the arguments in which items ``chosen``, all of a shape, differ."""
        columns = self._values(shape, self.items[chosen])
        pairs = [
            (key, column)
            for key, column in zip(shape.keys, columns, strict=True)
            if key not in OPTIONAL or column.any()
        ]
        return tuple(key for key, _ in pairs), [column for _, column in pairs]

    def names(self, chosen: Ints) -> Ints:
        """Names of merged slices, as indices in ``texts``."""
        found: Ints = self.merged["name"][self.items["extra"][chosen]]
        return found

    def _values(self, shape: Shape, items: NDArray[np.void]) -> list[Ints]:
        """A column a key of the shape."""
        span = items["stop"] - items["start"]
        if shape.kind == INSTRUCTION:
            return self._instructions(shape, items["event"])
        if shape.kind == MERGED:
            rows = self.merged[items["extra"]]
            plain = [rows[key] for key in ("instructions", "stalls", "busy", "stalled")]
            return [*plain, 100 * rows["busy"] // np.maximum(span, 1), rows["text"]]
        return [items["start"], span, items["extra"]][: len(shape.keys)]

    def _instructions(self, shape: Shape, events: Ints) -> list[Ints]:
        """Operands that come from registers, then the times."""
        record = self.recording
        registers = len(shape.keys) - len(TIME_KEYS)
        first = record.value_start[events]
        operands = [record.values[first + number] for number in range(registers)]
        rows = record.events[events]
        return operands + [rows[field].astype(np.int64) for field in TIMES]

    def groups(self, chosen: Ints) -> Iterator[tuple[Shape, Ints]]:
        """Items ``chosen`` by shape, as positions in ``chosen``."""
        shapes = self.items["shape"][chosen]
        order = np.argsort(shapes, kind="stable")
        ordered = shapes[order]
        cuts = np.flatnonzero(np.diff(ordered)) + 1
        for part in np.split(order, cuts):
            if len(part):
                yield self.shapes[int(shapes[part[0]])], part
