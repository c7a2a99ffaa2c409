"""The order in which a file tells what happens, and which arrows meet which items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from npuemu.report.trace.model import Ints, Trace

(END, MOMENT, BEGIN) = range(3)
"""What happens in a cycle, in this order: slices end, moments, slices begin."""


class Steps:
    """Beginnings and ends of all items in the order of time; within a cycle as above, and moments
    as the engine met them, so that an arrow's start comes before its end.

    kinds [n]: END, MOMENT or BEGIN; items [n]: of which item.
    """

    def __init__(self, trace: Trace) -> None:
        items = trace.items
        lasting = np.flatnonzero(items["stop"] > items["start"])
        moment = np.flatnonzero(items["stop"] == items["start"])
        parts = ((BEGIN, lasting, "start"), (END, lasting, "stop"), (MOMENT, moment, "start"))
        times = np.concatenate([items[field][own] for _, own, field in parts])
        kinds = np.concatenate([np.full(len(own), kind, np.int8) for kind, own, _ in parts])
        number = np.concatenate([own for _, own, _ in parts])
        order = np.lexsort((items["event"][number], times * 3 + kinds))
        self.kinds: NDArray[np.int8] = kinds[order]
        self.items: Ints = number[order]


class Arrows:
    """The arrows of a trace by the items they touch."""

    def __init__(self, trace: Trace) -> None:
        count = len(trace.items)
        self._out = _table(trace.sources, count)
        self._into = _table(trace.targets, count)

    def alike(self, items: Ints) -> Iterator[Ints]:
        """Positions in ``items`` by how many arrows start and end in them."""
        out, into = (first[items + 1] - first[items] for first, _ in (self._out, self._into))
        code = out * (int(into.max()) + 1) + into
        if not code.any():
            yield np.arange(len(items))
            return
        for value in np.unique(code):
            yield np.flatnonzero(code == value)

    def numbers(self, items: Ints) -> tuple[Ints, Ints]:
        """Arrows that start in each item [n, starts] and that end in it [n, ends]; all ``items``
        have equally many.
        """
        found = []
        for first, arrows in (self._out, self._into):
            width = int(first[items[0] + 1] - first[items[0]])
            found.append(arrows[first[items][:, None] + np.arange(width)])
        return found[0], found[1]


def _table(ends: Ints, count: int) -> tuple[Ints, Ints]:
    """Arrows by the item of one of their ends: where each item's begin, and their numbers."""
    first = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=count))])
    return first.astype(np.int64), np.argsort(ends, kind="stable")
