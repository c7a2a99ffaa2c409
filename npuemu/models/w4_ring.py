"""What GEMMs share whose MXFP4 weights come through the ring in L1; see `docs/models.md`."""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.cost import Transfer
from npuemu.models.estimate import new_lines
from npuemu.models.l1_ring import Ring
from npuemu.models.pipe import Move

SCALED = 32  # elements of a scale


@dataclass(frozen=True)
class W4Ring(Ring):
    """A ring of lifted e2m1."""

    def rows_of(
        self, load: Transfer, rows: int, first: int, last: int, pitch: int, fresh: bool = True
    ) -> Move:
        """Bytes ``first`` .. ``last`` of rows of ``pitch`` bytes. fresh: nobody has touched lines
        of the rows that do not lie in front of ``first``.
        """
        rules, size = self.plan.machine.file.global_memory, last - first
        line, bursts = rules.line.value, 1 if size == pitch else rows
        aligned = first % rules.align.value == 0 and (bursts == 1 or pitch % rules.align.value == 0)
        new = line * new_lines(pitch, first, size, rows, line) if fresh else 0
        work = load.bytes_work(rows * size, new, bursts, aligned)
        return Move(load, work, max(rows * size, bursts * load.burst), new)
