"""What the bounding pipe itself could do with less."""

from __future__ import annotations

from collections.abc import Iterator

from npuemu.profiling.evidence import Evidence
from npuemu.report.json_schema import Hint
from npuemu.report.summary import integer, percent, size

BOUND, FULL = 0.5, 0.85
"""From which busy part of the run on a pipe's own work is looked at; and which part of its peak, or
of its busy cycles, counts as all."""
AGAIN = 1.5
"""Bytes read of a tensor over its size, from which on it counts as read again."""


def limits(evidence: Evidence) -> Iterator[Hint]:
    """Hints about the busiest pipe's own cycles."""
    row = evidence.busiest
    if row.share(row.busy) < BOUND:
        return
    if row.pipe == "M":
        yield from _cube(evidence)
        return
    again = list(_reads(evidence)) if row.pipe == "MTE2" else []
    yield from again or _busiest_line(evidence)


def _busiest_line(evidence: Evidence) -> Iterator[Hint]:
    """What keeps the bounding pipe busy, where nothing better is known."""
    row = evidence.busiest
    core = evidence.kind(row)
    lines = [
        (i, line)
        for i, line in enumerate(evidence.report.lines)
        if (line.core, line.pipe) == (core, row.pipe)
    ]
    index, line = max(lines, key=lambda item: item[1].busy)
    mean = evidence.mean(core, row.pipe, line.busy)
    yield Hint(
        kind="busiest_line",
        message=f"{percent(mean / row.busy)} of {row.pipe}'s busy cycles are {line.name} at "
        f"{evidence.place(line.where)}, executed {integer(line.count)} times",
        advice=_LESS[row.pipe],
        gain=0,
        evidence=[f"/lines/{index}"],
    )


_LESS = {
    "MTE2": "no byte is read twice: move fewer (a narrower type), or use more blocks, each of "
    "which has its own path",
    "MTE3": "store fewer bytes (a narrower type), or use more blocks",
    "MTE1": "load each operand into L0 once for more products: larger m or n for one mmad",
    "FIX": "store each result once, in the output's type, with larger m and n",
    "V": "fewer passes over the data: fuse steps, use a narrower type, or more blocks",
    "S": "take work out of loops, unroll them with .rep, or let each instruction do more",
}


def _cube(evidence: Evidence) -> Iterator[Hint]:
    """Multiply-adds do not fill the cube's busy cycles, or they do and only fewer would help."""
    row = evidence.busiest
    roofs = evidence.roofs("aic", "M")
    cycles = sum(roof.cycles for _, roof in roofs)
    filled = cycles / row.busy
    count = evidence.executions("aic", "M")
    evident = [f"/roofline/{i}" for i, _ in roofs]
    if filled >= FULL:
        yield Hint(
            kind="cube_peak",
            message=f"the cube is at its peak: multiply-adds fill {percent(filled)} of M's busy "
            "cycles",
            advice="only less work helps: operands of a type that the cube multiplies faster, or "
            "more blocks",
            gain=0,
            evidence=evident,
        )
        return
    yield Hint(
        kind="cube_fill",
        message=f"multiply-adds fill only {percent(filled)} of M's busy cycles "
        f"({integer(row.busy)}, in {integer(count)} mmad)",
        advice="make each mmad larger: every one pays a start, and m, n and k are rounded up to "
        "whole fractals of 16 rows and 32 bytes",
        gain=round(row.busy - cycles),
        evidence=evident,
    )


def _reads(evidence: Evidence) -> Iterator[Hint]:
    """Tensors that are read more than once while the loads bound the run."""
    row = evidence.busiest
    sizes = {tensor.name: tensor.bytes for tensor in evidence.recording.tensors}
    moved = evidence.report.traffic
    total = moved.gm_read_bytes or 1
    for name, traffic in moved.tensors.items():
        times = traffic.read / sizes[name] if sizes.get(name) else 0.0
        again = traffic.read - sizes.get(name, 0)
        if times < AGAIN or again < total / 20:
            continue
        yield Hint(
            kind="read_again",
            message=f"tensor {name} ({size(sizes[name])}) is read {times:.1f} times, "
            f"{percent(traffic.read / total)} of all bytes read, and loads from GM are busy for "
            f"{percent(row.share(row.busy))} of the run",
            advice=f"make the output's tiles larger in the direction that reads {name} again, keep "
            f"a larger part of {name} in L1, or change the order of the loops so that it is used "
            "for more rows or columns while it is there",
            gain=round(row.busy * again / total),
            evidence=[f"/traffic/tensors/{name}"],
        )
