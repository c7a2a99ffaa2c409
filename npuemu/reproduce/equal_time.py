"""Section 3, a claim: two MXFP4 passes take the Cube time of one MXFP8 pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from npuemu import api
from npuemu.reproduce import claims
from npuemu.reproduce.measure import Target, time_kernel
from npuemu.reproduce.rows import Found, Row, Section, Step

SPLIT, RIVAL, MACHINE = "gemm_w4a16_msd", "gemm_w4a8", "ascend950pr"
SIZE = 4096
"""N and K."""


@dataclass(frozen=True)
class EqualTime:
    """The section, over some M."""

    rows: tuple[int, ...]

    def section(self) -> Section:
        """One step an M."""
        steps = tuple(Step(f"equal time, M = {m}", partial(self.compare, m)) for m in self.rows)
        remark = (
            f"Busy cycles of the Cube, {SPLIT} over {RIVAL}, one block, N = K = {SIZE}; a Cube "
            "that waits pays head and tail of its instructions again and again, and these count as "
            "busy. All cycles and traffic show what the vector cores and global memory add."
        )
        return Section("Two MXFP4 passes against one MXFP8 pass", remark, steps)

    def compare(self, m: int) -> Found:
        """One shape."""
        claim = f"Cube time of two MXFP4 passes over that of one MXFP8 pass, M = {m}"
        paper = claims.EQUAL_TIME.printed
        machines = {info.name: info.machines for info in api.list_kernels()}
        missing = [k for k in (SPLIT, RIVAL) if MACHINE not in machines.get(k, ())]
        if missing:
            where = f"no {' and no '.join(missing)} for {MACHINE}"
            return Found([Row(claim, paper, "-", where, missing=True)])
        shape = {"M": m, "N": SIZE, "K": SIZE}
        split, rival = (time_kernel(k, Target(MACHINE, 1), shape) for k in (SPLIT, RIVAL))
        ratio = split.cube_busy / rival.cube_busy
        moved = [t.gm_read + t.gm_written for t in (split, rival)]
        whole = f"{split.cycles:,} over {rival.cycles:,}: {split.cycles / rival.cycles:.2f}"
        where = f"all cycles {whole}; traffic {moved[0] / moved[1]:.2f}"
        where += f"; bound {split.bound.name}, {rival.bound.name}"
        agrees = claims.EQUAL_TIME.agrees(ratio)
        return Found([Row(claim, paper, f"{ratio:.3f}", where, agrees, ratio)])
