"""Who held the local memories, as columns of a page: regions by lane, and bytes over time.

A lane is one address range of one memory; its regions follow each other in time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.observe.holders import (
    buffer_of,
    carried,
    core_of,
    distinct,
    memory_of,
    occupancy,
    slots,
)
from npuemu.observe.recording import Recording
from npuemu.observe.rotation import Rotation, rotations
from npuemu.report.page_html.decimate import bucket_for
from npuemu.report.page_html.markup import Cell, bar, number, table, text
from npuemu.report.page_html.packing import Columns, delta
from npuemu.report.page_html.spans import Longs
from npuemu.report.page_html.timeline import Rows, core_name
from npuemu.report.summary import core_kind, integer, percent


def _labels(recording: Recording) -> tuple[list[list[Any]], Longs]:
    """What the page calls the holders (named buffer, tensors), and the number of each region's."""
    names, tensors = buffer_of(recording), carried(recording)
    found: dict[tuple[str, tuple[str, ...]], int] = {}
    writers = recording.live["writer"]
    first, inverse = distinct(names, writers)
    numbers = []
    for name, writer in zip(names[first].tolist(), writers[first].tolist(), strict=True):
        buffer = recording.buffers[name].name if name >= 0 else ""
        key = (buffer, tensors[writer] if writer >= 0 else ())
        numbers.append(found.setdefault(key, len(found)))
    labels: list[list[Any]] = [[buffer, list(carries)] for buffer, carries in found]
    return labels, np.array(numbers, np.int64)[inverse]


def _fewer(live: NDArray[np.void], lane: Longs, label: Longs, limit: int) -> tuple[int, Longs]:
    """First regions of runs that are drawn as one: short ones of a lane with one holder."""
    key = lane * (int(label.max(initial=0)) + 1) + label
    return bucket_for(key, live["start"], live["stop"], np.zeros(len(live), np.bool_), limit)


def _series(recording: Recording, slot: int, limit: int) -> tuple[Longs, Longs]:
    """Bytes over time; where there are more changes than ``limit``, the most of each stretch."""
    times, values = occupancy(recording, slot)
    if len(times) <= limit:
        return times, values
    edges = np.linspace(0, len(times), limit, endpoint=False).astype(np.int64)
    return times[edges], np.maximum.reduceat(values, edges)


def pack(recording: Recording, columns: Columns, rows: Rows, limit: int) -> dict[str, Any]:
    """Add regions and series to ``columns``; what else the page must know of the memories."""
    live = recording.live
    labels, label = _labels(recording)
    order = np.lexsort((live["start"], live["high"], live["low"], live["slot"]))
    live, label = live[order], label[order]
    ranges = np.stack([live[name].astype(np.int64) for name in ("slot", "low", "high")])
    places, lane = distinct(*ranges)
    lanes = ranges[:, places]
    bucket, first = _fewer(live, lane, label, limit)
    count = np.diff(np.append(first, len(live)))
    stop = np.maximum.reduceat(live["stop"], first) if len(first) else live["stop"]
    kept, lane = live[first], lane[first]
    columns.add("region_start", delta(kept["start"]))
    columns.add("region_long", stop - kept["start"])
    columns.add("region_writer", rows.number[kept["writer"]])
    columns.add("region_reader", rows.number[kept["reader"]])
    columns.add("region_bytes", kept["bytes"])
    columns.add("region_label", label[first])
    columns.add("region_count", count)
    begin = np.searchsorted(lane, np.arange(lanes.shape[1] + 1))
    sizes = []
    used = slots(recording)
    for slot in used:
        times, values = _series(recording, slot, max(1000, limit // max(1, len(used))))
        columns.add("series_time", delta(times))
        columns.add("series_bytes", delta(values))
        sizes.append(len(times))
    return {
        "slots": [
            [core_of(slot), memory_of(slot), recording.capacity.get(memory_of(slot), 0), size]
            for slot, size in zip(used, sizes, strict=True)
        ],
        "lanes": [
            [used.index(slot), low, high, int(begin[i]), int(begin[i + 1])]
            for i, (slot, low, high) in enumerate(lanes.T.tolist())
        ],
        "labels": labels, "total": len(live), "bucket": bucket,
    }  # fmt: skip


def rotation_table(recording: Recording) -> str:
    """How far fills hide behind uses, by memory and buffer; the worst of the cores of a kind."""
    worst: dict[tuple[str, str, str], Rotation] = {}
    for r in rotations(recording):
        what = ", ".join(r.buffers) or "unnamed"
        key = (
            core_kind(core_name(core_of(r.slot))),
            memory_of(r.slot),
            f"{what}: {', '.join(r.tensors)}",
        )
        if key not in worst or r.efficiency < worst[key].efficiency:
            worst[key] = r
    rows = [
        [
            text(kind), text(memory), text(what), number(r.parts, integer(r.parts)),
            number(r.fill, integer(r.fill)), number(r.use, integer(r.use)),
            number(r.overlap, integer(r.overlap)), number(r.efficiency, percent(r.efficiency)),
            Cell(bar([("busy", r.efficiency, percent(r.efficiency))], 140), "l"),
        ]
        for (kind, memory, what), r in worst.items()
    ]  # fmt: skip
    heads = [
        ("core", "l"), ("memory", "l"), ("buffer: tensors", "l"), ("parts", ""),
        ("fill cycles", ""), ("use cycles", ""), ("both at once", ""), ("hidden", ""), ("", "l"),
    ]  # fmt: skip
    if not rows:
        return ""
    note = (
        "Double buffering: cycles in which a buffer's loaders were in work, its users, and both; "
        "hidden is the part of the shorter that the other covers, on the core where it is least."
    )
    return f'<h3>Filling behind use</h3><p class="note">{note}</p>' + table(
        heads, rows, name="rotations"
    )
