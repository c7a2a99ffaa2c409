"""Keeping a trace small: the longest items stay, neighbours among the short ones become one slice.

Items of a track that are shorter than a limit merge into runs; a run ends where a longer item
begins and at fixed cuts in time. With a budget of B items there are at most B/4 cuts over all
tracks, and a limit that only 3/8 B items reach is enough: these, the runs between them and the cuts
are no more than B. The limit is the least that a search from there downwards finds enough as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npuemu.report.trace.model import INSTRUCTION, ITEM, MERGE, MERGED, STALL, Ints

MOSTLY = 3
"""Mnemonics that a merged slice names."""


@dataclass(frozen=True)
class Limits:
    """``below``: shorter items merge (0: none); ``width``: cycles from cut to cut."""

    below: int = 0
    width: int = 1


@dataclass(frozen=True)
class Lengths:
    """Lengths and starts (cycles) of all items, track after track; ``sizes``: items of each."""

    lengths: Ints
    starts: Ints
    sizes: Ints

    def left(self, limits: Limits) -> int:
        """Items that are left when those below the limit have merged."""
        short = self.lengths < limits.below
        apart = np.diff(self.starts // limits.width) != 0
        apart[np.cumsum(self.sizes[self.sizes > 0])[:-1] - 1] = True
        joined = short[1:] & short[:-1] & ~apart
        return len(short) - int(joined.sum())


def limits(items: Lengths, span: int, budget: int) -> Limits:
    """What has to merge so that ``items`` of ``span`` cycles come down to ``budget``."""
    count, tracks = len(items.lengths), len(items.sizes)
    if count <= budget:
        return Limits()
    keep = max(1, 3 * budget // 8)
    reached = int(np.partition(items.lengths, count - keep)[count - keep])
    exceed = int((items.lengths >= reached).sum()) > keep
    width = max(1, -(-span * tracks // max(1, budget // 4 - tracks)))
    low, enough = 0, reached + exceed
    while enough - low > 1:
        middle = (low + enough) // 2
        if items.left(Limits(middle, width)) <= budget:
            enough = middle
        else:
            low = middle
    return Limits(enough, width)


@dataclass
class Merger:
    """Merges the items of one track after another. names: mnemonic number of every row of the code,
    vocabulary: the mnemonics by number.
    """

    limits: Limits
    rows: NDArray[np.int32]
    names: Ints
    vocabulary: tuple[str, ...]
    texts: dict[str, int] = field(default_factory=dict)
    table: list[NDArray[np.void]] = field(default_factory=list)
    count: int = 0
    merged: int = 0

    def merge(self, items: NDArray[np.void]) -> NDArray[np.void]:
        """The items of a track with its short ones merged."""
        if not self.limits.below:
            return items
        short = items["stop"] - items["start"] < self.limits.below
        slot = items["start"] // self.limits.width
        begins = short.copy()
        begins[1:] &= ~short[:-1] | (slot[1:] != slot[:-1])
        group = np.cumsum(begins) - 1
        size = np.bincount(group[short], minlength=int(begins.sum()))
        several = short & (size[np.where(short, group, 0)] > 1) if len(size) else short
        chosen = items[several]
        if not len(chosen):
            return items
        first, number = np.unique(group[several], return_inverse=True)
        place = np.flatnonzero(begins)[first]
        made, filled = self._groups(chosen, number, len(first))
        self.merged += len(chosen)
        order = np.concatenate([np.flatnonzero(~several), place[filled]])
        return np.concatenate([items[~several], made])[np.argsort(order, kind="stable")]

    def _groups(
        self, items: NDArray[np.void], number: Ints, count: int
    ) -> tuple[NDArray[np.void], Ints]:
        """A slice for each group that holds any cycle, and which groups these are."""
        start, stop = items["start"], items["stop"]
        length = stop - start
        lasting = np.flatnonzero(length > 0)
        low = np.full(count, np.iinfo(np.int64).max)
        high = np.zeros(count, np.int64)
        np.minimum.at(low, number[lasting], start[lasting])
        np.maximum.at(high, number[lasting], stop[lasting])
        filled = np.flatnonzero(high > 0)
        table = np.zeros(count, MERGE)
        for kind, counted, spent in (
            (INSTRUCTION, "instructions", "busy"),
            (STALL, "stalls", "stalled"),
        ):
            own = items["kind"] == kind
            table[counted] = np.bincount(number[own], minlength=count)
            table[spent] = np.bincount(number[own], length[own], count)
        table["text"] = self._mostly(items, number, count)
        table["name"] = self._names(table)
        made = np.zeros(len(filled), ITEM)
        made["kind"], made["event"] = MERGED, -1
        made["extra"] = self.count + np.arange(len(filled))
        made["start"], made["stop"] = low[filled], high[filled]
        self.table.append(table[filled])
        self.count += len(filled)
        return made, filled

    def _mostly(self, items: NDArray[np.void], number: Ints, count: int) -> Ints:
        """Index in ``texts`` of the most frequent mnemonics of each group."""
        own = items["kind"] == INSTRUCTION
        used, name = np.unique(self.names[self.rows[items["event"][own]]], return_inverse=True)
        width = len(used) + 1
        code = number[own] * width + name
        often = np.bincount(code, minlength=count * width).reshape(count, width)
        best = np.argsort(-often, axis=1, kind="stable")[:, :MOSTLY]
        best = np.where(np.take_along_axis(often, best, 1) > 0, best, width - 1)
        combined = np.zeros(count, np.int64)
        for column in best.T:
            combined = combined * width + column
        _, rows, group = np.unique(combined, return_index=True, return_inverse=True)
        words = [*(self.vocabulary[i] for i in used.tolist()), ""]
        lists = [[words[i] for i in row if words[i]] for row in best[rows].tolist()]
        return np.array([self._text(", ".join(words)) for words in lists], np.int64)[group]

    def _names(self, table: NDArray[np.void]) -> Ints:
        """Index in ``texts`` of the name of each group: what most of it is."""
        stalls = table["instructions"] == 0
        code = np.where(stalls, table["stalls"], table["instructions"]) * 2 + stalls
        values, group = np.unique(code, return_inverse=True)
        words = ("instructions", "stalls")
        names = [self._text(f"{value >> 1:,} {words[value & 1]}") for value in values.tolist()]
        return np.array(names, np.int64)[group]

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))
