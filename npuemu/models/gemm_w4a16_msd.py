"""gemm_w4a16_msd on a machine with MX formats: the cube side of `cube_gemm` with A in two parts,
which the vector cores split phase by phase; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from npuemu.models.cube_gemm import COLUMN, SCALES, CubeGemm
from npuemu.models.estimate import cdiv, parts
from npuemu.models.quantize_mx import split_unit

SCALED = 32  # elements of a scale
_PREAMBLE = 40  # scalar instructions of a vector core before its first load


@dataclass(frozen=True)
class GemmW4A16Msd(CubeGemm):
    """The model for one plan."""

    @property
    def parts_of_a(self) -> int:
        """High and low."""
        return 2

    @property
    def step_columns(self) -> int:
        """A step is a K tile."""
        return self.plan["msd_tile_k"]

    @property
    def new_a(self) -> bool:
        """The vector cores have written it."""
        return False

    def place(self, tile: int) -> tuple[int, int]:
        """Along the rows of C, phase by phase."""
        return divmod(tile, self.plan["gemm_n_tiles"])

    def traffic(self) -> dict[str, tuple[int, int]]:
        """As `CubeGemm`, and both parts of A are written once."""
        moved = super().traffic()
        (codes, _), (scales, _) = moved["A"], moved["A_scale"]
        once = self.plan["M"] * self.columns
        del moved["A_scale"]
        parts_of_a = {
            f"A_{part}{name}": (read, unit * once)
            for part in ("high", "low")
            for name, read, unit in (("", codes, COLUMN), ("_scale", scales, SCALES))
        }
        return moved | parts_of_a | {"A": (2 * self.plan["M"] * self.plan["K"], 0)}

    # --- vector cores

    def _phase(self, elements: int) -> tuple[float, float]:
        """Cycles from the start of a phase until its codes are in GM, and from one phase to the
        next, whose units are loaded and split while this one's codes leave.
        """
        costs, vectors = self.costs, 2 * self.plan.blocks
        unit = min(elements, self.plan["quantize_unit"])
        units = cdiv(cdiv(elements, unit), vectors)
        load, store = costs.gm("mov_gm_ub"), costs.gm("mov_ub_gm")
        moved = load.bytes_work(2 * unit, 2 * unit)
        stored = sum(store.bytes_work(n, n) for n in 2 * [unit // 2, unit // SCALED])
        made = split_unit(self.plan, unit)
        # All vector cores load, and store, at the same time.
        lines = 2 / costs.hbm, (1 + 2 / SCALED) / costs.hbm
        loaded, left = (
            max(own, min(elements, vectors * unit) * cycles)
            for own, cycles in zip((moved, stored), lines, strict=True)
        )
        first = max(load.head + loaded + load.tail, load.row.isolated or 0)
        last = max(store.head + left + store.tail, store.row.isolated or 0)
        more = max((units - 1) * max(moved, made, stored), (elements - vectors * unit) * sum(lines))
        period = max(units * max(moved, made), units * left + costs.flag, elements * sum(lines))
        return first + made + more + last, period

    @cached_property
    def _phases(self) -> list[int]:
        """Rows of every phase."""
        return list(parts(self.plan["M"], self.plan["msd_phase_rows"]))

    @cached_property
    def _ready(self) -> list[float]:
        """When the cube cores see each phase: a flag among the vector cores, then one to them."""
        phases = [self._phase(rows * self.plan["K"]) for rows in self._phases]
        first = _PREAMBLE + phases[0][0] + 2 * self.costs.flag
        return list(accumulate((period for _, period in phases[1:]), initial=first))

    def ready(self, tile: int) -> float:
        """When the codes of the tile's phase are there."""
        return self._ready[tile // self.plan["msd_phase_of"]]

    def meanwhile(self, start: float, end: float) -> float:
        """A, and its codes and scales, of the phases that are split between two times."""
        before, total = 0.0, 0.0
        for rows, ready in zip(self._phases, self._ready, strict=True):
            done = ready - 2 * self.costs.flag
            share = max(0.0, min(end, done) - max(start, before)) / (done - before)
            total += share * rows * (2 * self.plan["K"] + 2 * self.row_bytes)
            before = done
        return total
