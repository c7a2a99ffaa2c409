"""The dynamic proof beside the static one: other legal timings must give the same outputs.

A shuffled timing slows pipes, dispatch, cross-core flags, shared bandwidth and the start of cores
by delays drawn from (seed, number); nothing that the machine orders is reordered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.asm.program import Tensor
from npuemu.engine import measure
from npuemu.engine import state as st
from npuemu.formats.format import get as get_format
from npuemu.observe.diagnostics import KINDS, Diagnostic
from npuemu.runner import Options, Session

Bytes = NDArray[np.uint8]
LONGEST = 1 << 42
"""Cycle limit of a shuffled timing: slow is what it is meant to be."""


@dataclass
class Shuffle:
    """What ``count`` other timings showed."""

    count: int
    cycles: list[int] = field(default_factory=list)
    broken: int = 0
    found: list[Diagnostic] = field(default_factory=list)

    def report(self) -> dict[str, int]:
        """As the report shows it."""
        return {
            "count": self.count,
            "broken": self.broken,
            "fewest_cycles": min(self.cycles, default=0),
            "most_cycles": max(self.cycles, default=0),
        }


def shuffle(
    session: Session, fresh: Bytes, done: Bytes, options: Options, count: int, known: set[str]
) -> Shuffle:
    """Run ``count`` other timings on copies of ``fresh`` memory and compare with memory ``done``.

    ``known``: codes that the run itself has reported; another timing adds nothing to them.
    """
    result = Shuffle(count)
    differing: dict[str, list[int]] = {}
    first: dict[str, str] = {}
    ended: list[Diagnostic] = []
    for number in range(1, count + 1):
        gm = aligned_copy(fresh)
        quiet = replace(options, check=False, record=None, jitter=number, max_cycles=LONGEST)
        launch = session.launch(gm, quiet, observe=False)
        status = launch.run()
        if session.progress is not None:
            session.progress({"done": number, "total": count})
        if status != st.DONE:
            result.broken += 1
            found = session.diagnose(launch, status)
            ended += [_of_timing(f, number) for f in found if f.kind.code not in known]
            continue
        result.cycles.append(measure.total_cycles(launch))
        for item in session.program.tensors:
            if item.role == "out" and (text := _difference(item, done, gm)):
                differing.setdefault(item.name, []).append(number)
                first.setdefault(item.name, text)
    for name, numbers in differing.items():
        text = (
            f"{first[name]} in timing {numbers[0]} (--jitter {numbers[0]}); tensor {name} differs "
            f"in {len(numbers)} of {count} other timings"
        )
        result.found.append(Diagnostic(KINDS[205], text))
    result.found += ended[:1]  # how many others ended is counted; the first can be repeated
    return result


def aligned_copy(gm: Bytes) -> Bytes:
    """A copy at a 64-byte boundary."""
    raw = np.empty(gm.size + 64, np.uint8)
    copy = raw[-raw.ctypes.data % 64 :][: gm.size]
    copy[:] = gm
    return copy


def _of_timing(finding: Diagnostic, number: int) -> Diagnostic:
    return replace(finding, message=f"{finding.message} (in timing {number}: --jitter {number})")


def _difference(item: Tensor, done: Bytes, other: Bytes) -> str:
    """The first element of a tensor whose bytes differ, in words; nothing when all agree."""
    span = slice(item.address, item.address + item.nbytes)
    a, b = done[span], other[span]
    at = int(np.argmax(a != b)) if not np.array_equal(a, b) else -1
    if at < 0:
        return ""
    size = max(1, get_format(item.dtype).bits // 8)
    element = at * 8 // get_format(item.dtype).bits
    index: Any = np.unravel_index(element, item.shape)
    start = at // size * size
    bits = [bytes(x[start : start + size][::-1]).hex().upper() for x in (a, b)]
    place = ", ".join(str(int(i)) for i in index)
    return f"{item.name}[{place}] is 0x{bits[0]}, but 0x{bits[1]}"
