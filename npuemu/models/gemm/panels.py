"""Tiles of C whose operands come in panels: what a panel takes on each pipe of the cube core
(`include/cube_gemm.inc`), for all kernels with this loop; see `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from npuemu.models.parts.cost import Costs
from npuemu.models.parts.estimate import cdiv, parts
from npuemu.models.parts.plan import Plan
from npuemu.models.sharing.pipe import Move, rows_of

COLUMN = 32  # bytes of a fractal column
CHUNK = 64  # columns of a chunk of MX scales
SCALES = 2  # bytes of scales of a row and column


@dataclass(frozen=True)
class Formats:
    """Suffixes of the L1 -> L0 loads and of mmad; ``mx``: an e8m0 scale for every 32 elements."""

    width: str
    type: str
    mx: bool = False


def halves(plan: Plan, rows: int) -> list[int]:
    """Rows of the halves of a tile of so many rows."""
    return list(parts(rows, plan["gemm_half_m"]))


@dataclass(frozen=True)
class Panels:
    """The loop of one plan. Lengths along k are counted in columns of 32 bytes."""

    plan: Plan
    formats: Formats

    @property
    def costs(self) -> Costs:
        """Time rows."""
        return self.plan.costs

    @cached_property
    def columns(self) -> int:
        """Columns of a row of A and of W."""
        return self.plan["gemm_k"]

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of a row of A or of W, its scales included."""
        return self.columns * (COLUMN + (SCALES if self.formats.mx else 0))

    # --- what kernels with hooks in the loop change

    @property
    def parts_of_a(self) -> int:
        """Tensors that A comes in; each is multiplied by W."""
        return 1

    @property
    def step_columns(self) -> int:
        """Columns of a step in L0."""
        return self.plan["gemm_step_k"]

    # --- pipes

    def moves(self, rows: int, start: int, columns: int, fresh: bool = True) -> Iterator[Move]:
        """MTE2: ``columns`` columns of ``rows`` rows from column ``start`` on, and the chunk of
        scales that starts with them.
        """
        pieces = [(columns, COLUMN)]
        if self.formats.mx and start % CHUNK == 0:
            pieces.append((min(CHUNK, self.columns - start), SCALES))
        nd2nz = self.costs.gm("nd2nz_gm_l1")
        for count, unit in pieces:
            span = start * unit, (start + count) * unit
            yield rows_of(self.costs, nd2nz, rows, span, self.columns * unit, fresh)

    def load(self, rows: int, start: int, columns: int, fresh: bool) -> float:
        """MTE2: cycles of a panel of ``rows`` rows and its scales."""
        return sum(move.work for move in self.moves(rows, start, columns, fresh))

    def lines(self, rows: int, start: int, columns: int) -> float:
        """Bytes of lines that a panel of ``rows`` rows is the first to touch, with its scales."""
        return sum(move.lines for move in self.moves(rows, start, columns))

    def multiply(self, rows: int, cols: int, columns: int) -> int:
        """M: one instruction."""
        width, kind = self.formats.width, self.formats.type
        return self.costs.step(width, kind, cdiv(rows, 16), cols // 16, columns)[2]

    def step(self, rows: int, cols: int, step: int) -> tuple[int, list[int]]:
        """A step of ``step`` columns: MTE1, and M by halves of the rows."""
        of, nf, half = self.costs.of, cols // 16, halves(self.plan, rows)
        a, b = of("load_l1_l0a", self.formats.width), of("load_l1_l0b", self.formats.width)
        moved_a, moved_b = sum(a.work(cdiv(h, 16) * step) for h in half), b.work(nf * step)
        if self.formats.mx:
            a, b = of("load_l1_l0a_mx"), of("load_l1_l0b_mx")
            moved_a += sum(a.work(cdiv(h, 16) * step * COLUMN) for h in half)
            moved_b += b.work(nf * step * COLUMN)
        made = [self.multiply(h, cols, step) for h in half] * self.parts_of_a
        return self.parts_of_a * moved_a + moved_b, made

    def products(self, rows: int, cols: int, columns: int) -> tuple[int, int]:
        """(MTE1, M) cycles of so many columns of a tile."""
        steps = [self.step(rows, cols, size) for size in parts(columns, self.step_columns)]
        return sum(s[0] for s in steps), sum(sum(s[1]) for s in steps)

    def panels(self) -> Iterator[tuple[int, int]]:
        """(start, columns) of every panel."""
        size = self.plan["gemm_panel_k"]
        return ((i * size, columns) for i, columns in enumerate(parts(self.columns, size)))
